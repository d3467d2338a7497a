"""What a worker has room for, and what it keeps free for whom."""

from __future__ import annotations

import pytest

from millstream.adapters.settings import InvalidSettings, Settings, read_settings
from millstream_worker.capacity import Capacity, Need


def capacity(slots: int = 4, **resources: int) -> Capacity:
    return Capacity(
        slots, resources, {"narrow": 1}, tuple(f"d{n}" for n in range(resources.get("gpu", 0)))
    )


def need(lane: str) -> Need:
    return Need.of_lane(lane)


def test_there_is_room_for_as_many_as_slots_resources_and_queue_slots_allow() -> None:
    has = capacity(4, cpu=5, gpu=1)
    lanes = {
        "q": 4,
        "narrow": 1,
        "q=cpu-1": 4,
        "q=cpu-2": 2,
        "q=cpu-6": 0,
        "q=cpu-1=gpu-1": 1,
        "q=tpu-1": 0,
    }
    assert {lane: has.room(need(lane)) for lane in lanes} == lanes


def test_what_is_taken_is_missing_until_it_is_given_back() -> None:
    has = capacity(4, cpu=5)
    first, second = has.take(need("narrow=cpu-2")), has.take(need("q=cpu-2"))
    left = {"q": 2, "narrow": 0, "q=cpu-1": 1, "q=cpu-2": 0}
    assert {lane: has.room(need(lane)) for lane in left} == left
    has.give_back(first)
    has.give_back(second)
    assert (has.room(need("q")), has.room(need("narrow")), has.room(need("q=cpu-1"))) == (4, 1, 4)


def test_async_tasks_take_no_slot() -> None:
    has = Capacity(1, {"async": 3}, {})
    has.take(need("q"))
    assert has.room(need("q=async-1")) == 3
    has.take(need("q=async-1"))
    assert (has.room(need("q=async-1")), has.free_slots) == (2, 0)
    assert has.offered == {}, "that is no offer to those who name resources"


def test_each_attempt_has_devices_of_its_own() -> None:
    has = capacity(4, gpu=3)
    one, two = has.take(need("q=gpu-1")), has.take(need("q=gpu-2"))
    assert sorted([*one.devices, *two.devices]) == ["d0", "d1", "d2"]
    assert two.environment == dict.fromkeys(
        ("CUDA_VISIBLE_DEVICES", "HIP_VISIBLE_DEVICES"), ",".join(two.devices)
    )
    has.give_back(one)
    assert has.take(need("q=gpu-1")).devices == one.devices
    assert has.take(need("q")).environment == {}


class TestWhatIsKeptFree:
    def test_what_a_large_request_lacks_is_collected_for_it(self) -> None:
        has = capacity(8, cpu=4)
        small, large = need("q=cpu-1"), need("q=cpu-4")
        grants = [has.take(small) for _ in range(4)]
        has.keep_for(large)
        for grant in grants:
            assert (has.room(small), has.room(large)) == (0, 0)
            has.give_back(grant)
        assert (has.room(small), has.room(large)) == (0, 1)
        assert has.room(need("q")) == 7, "a slot is kept as well, now that nothing else is missing"

    def test_no_slot_is_kept_for_who_waits_for_a_resource(self) -> None:
        has = capacity(4, gpu=1, cpu=4)
        has.take(need("q=gpu-1"))
        has.keep_for(need("q=cpu-1=gpu-1"))
        assert (has.room(need("q")), has.room(need("q=cpu-1"))) == (3, 3)

    def test_the_last_slot_is_kept(self) -> None:
        has = capacity(1, gpu=1)
        grant = has.take(need("q"))
        gpu = need("q=gpu-1")
        has.keep_for(gpu)
        has.give_back(grant)
        assert (has.room(need("q")), has.room(gpu)) == (0, 1)
        has.keep_for(None)
        assert has.room(need("q")) == 1

    def test_a_slot_of_its_queue_comes_before_a_slot(self) -> None:
        has = capacity(4, gpu=1)
        grant = has.take(need("narrow"))
        gpu = need("narrow=gpu-1")
        has.keep_for(gpu)
        assert has.room(need("q")) == 3
        has.give_back(grant)
        assert (has.room(need("narrow")), has.room(need("q")), has.room(gpu)) == (0, 3, 1)


class TestSettings:
    def test_counts_are_names_with_numbers(self) -> None:
        settings = read_settings(
            {
                "MILLSTREAM_RESOURCES": "gpu=2, license=1,",
                "MILLSTREAM_QUEUES": "gpu,default",
                "MILLSTREAM_QUEUE_SLOTS": "gpu=1",
            }
        )
        assert settings.resources == {"gpu": 2, "license": 1}
        assert settings.queue_slots == {"gpu": 1}

    @pytest.mark.parametrize(
        ("name", "text", "said"),
        [
            ("RESOURCES", "gpu", "'gpu' is no name with a count"),
            ("RESOURCES", "gpu=-1", "'gpu=-1' is no name with a count"),
            ("RESOURCES", "GPU=1", "names 'GPU'; use lower-case"),
            ("RESOURCES", "async=5", "MILLSTREAM_ASYNC_CAPACITY"),
            ("QUEUE_SLOTS", "gpu=1", "queue 'gpu', which is not among the queues default"),
            ("QUEUE_SLOTS", "default=0", "must be 1 or more"),
        ],
    )
    def test_a_wrong_one_is_told(self, name: str, text: str, said: str) -> None:
        with pytest.raises(InvalidSettings, match=said):
            read_settings({f"MILLSTREAM_{name}": text})

    def test_cpu_and_memory_are_the_machines_unless_they_are_named(self) -> None:
        machine = Capacity.from_settings(Settings()).offered
        assert sorted(machine) == ["cpu", "memory"]
        assert machine["cpu"] >= 1
        assert machine["memory"] > 100
        named = Settings(resources={"memory": 500, "gpu": 2})
        assert Capacity.from_settings(named).offered == {
            "cpu": machine["cpu"],
            "gpu": 2,
            "memory": 500,
        }

    def test_devices_are_those_that_the_worker_was_given(
        self, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "4,5")
        has = Capacity.from_settings(Settings(resources={"gpu": 2}))
        assert has.take(need("q=gpu-2")).devices == ("4", "5")
        with pytest.raises(InvalidSettings, match="offers 3 gpu, but CUDA_VISIBLE_DEVICES gives"):
            Capacity.from_settings(Settings(resources={"gpu": 3}))
