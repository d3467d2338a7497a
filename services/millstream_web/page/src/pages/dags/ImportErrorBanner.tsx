import { Link } from "wouter";
import { useRead } from "../../api/queries";
import { paths } from "../../app/paths";
import { useSettings } from "../../app/settings";

/** Says how many DAG files cannot be read, if there are some. */
export function ImportErrorBanner() {
  const { namespace } = useSettings();
  const read = useRead("ImportErrorService/ListImportErrors", { namespace }, { staleTime: 0, keep: true });
  const count = read.data?.errors.length ?? 0;
  if (!count) return null;
  const files = count === 1 ? "1 DAG file" : `${count}${read.data?.nextPageToken ? "+" : ""} DAG files`;
  return (
    <p className="banner">
      {files} cannot be read. <Link href={paths.importErrors()}>Look at the errors</Link>
    </p>
  );
}
