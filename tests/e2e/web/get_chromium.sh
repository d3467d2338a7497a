#!/bin/sh
# Debian's chromium where there is none and apt can get it. The tests say what they lack if not.
if command -v "${CHROMIUM:-chromium}" >/dev/null; then exit 0; fi
if command -v apt-get >/dev/null; then
	root=""
	[ "$(id -u)" = 0 ] || root="sudo -n"
	$root apt-get update -qq &&
		DEBIAN_FRONTEND=noninteractive $root apt-get install -qq -y --no-install-recommends chromium \
			fonts-dejavu-core >/dev/null && exit 0
fi
echo "NOT TESTED: the page in a browser, for want of chromium" >&2
