"""The embedding cache: computed once, never wrong, never half."""

import os
import signal
import subprocess
import sys
import textwrap
import threading
import time

import pytest
import torch
from filelock import FileLock
from hypothesis import given
from hypothesis import strategies as st
from safetensors import safe_open
from safetensors.torch import save_file

from hsizoo.engine.embeddings import EmbeddingCache, embedding_cache, embedding_key
from hsizoo.errors import OptionError

KEY = embedding_key("image", {"rgb": "bands"}, "encoder")


def tensors(value=1.0, count=100, dtype=torch.float32):
    return {"b": torch.full((count,), value, dtype=dtype), "a": torch.arange(6).reshape(2, 3)}


def forbidden():
    raise AssertionError("should not have been computed")


def equal(one, other):
    return one.keys() == other.keys() and all(
        torch.equal(one[name], other[name]) and one[name].dtype == other[name].dtype for name in one
    )


def test_computes_once_in_memory():
    cache = EmbeddingCache()
    first = cache.get(KEY, tensors)
    assert equal(cache.get(KEY, forbidden), first)
    assert (cache.hits, cache.misses) == (1, 1)


@pytest.mark.parametrize(
    "other",
    [
        embedding_key("another image", {"rgb": "bands"}, "encoder"),
        embedding_key("image", {"rgb": "tivita"}, "encoder"),
        embedding_key("image", {"rgb": "bands", "size": 1}, "encoder"),
        embedding_key("image", {"rgb": "bands"}, "another encoder"),
    ],
)
def test_whatever_differs_never_hits(tmp_path, other):
    cache = EmbeddingCache(folder=tmp_path)
    cache.get(KEY, tensors)
    assert cache.get(other, lambda: tensors(2.0))["b"][0] == 2
    assert (cache.hits, cache.misses) == (0, 2)


PLAIN = st.one_of(st.integers(), st.text(), st.booleans(), st.none(), st.lists(st.integers()))


@given(st.dictionaries(st.text(), PLAIN), st.text(), PLAIN, PLAIN)
def test_a_key_sees_every_value_and_no_order(rest, name, one, other):
    a = embedding_key("i", {**rest, name: one}, "e")
    rest.pop(name, None)
    assert a.digest == embedding_key("i", {name: one, **rest}, "e").digest
    different = repr(one) != repr(other)
    assert (a.digest != embedding_key("i", {**rest, name: other}, "e").digest) == different


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16, torch.float16])
def test_disk_keeps_the_bits(tmp_path, dtype):
    made = {"x": torch.randn(3, 5, 7).to(dtype).transpose(0, 2), "empty": torch.zeros(0, 3)}
    EmbeddingCache(folder=tmp_path).get(KEY, lambda: made)
    later = EmbeddingCache(folder=tmp_path)
    assert equal(later.get(KEY, forbidden), made)
    assert later.get(KEY, forbidden)["x"].stride() == made["x"].stride()
    assert (later.hits, later.misses) == (2, 0)


def test_memory_drops_the_least_recently_used():
    cache = EmbeddingCache(memory_bytes=3 * 448)
    keys = [embedding_key(str(n), {}, "e") for n in range(4)]
    for key in keys[:3]:
        cache.get(key, tensors)
    cache.get(keys[0], forbidden)
    cache.get(keys[3], tensors)  # 1 goes, it was used least recently
    cache.get(keys[0], forbidden)
    cache.get(keys[2], forbidden)
    cache.get(keys[1], tensors)
    assert cache.misses == 5


def test_without_memory_every_call_computes():
    cache = EmbeddingCache(memory_bytes=0)
    cache.get(KEY, tensors)
    cache.get(KEY, tensors)
    assert (cache.hits, cache.misses) == (0, 2)


def damage_truncate(path):
    path.write_bytes(path.read_bytes()[:-20])


def damage_header(path):
    path.write_bytes(b"\xff" * 40)


def damage_empty(path):
    path.write_bytes(b"")


def damage_shape(path):
    content = path.read_bytes()
    assert content.count(b"[2,3]") == 1
    path.write_bytes(content.replace(b"[2,3]", b"[3,2]"))


def damage_transposed(path):
    content = path.read_bytes()
    old, new = rb"\"a\": [0, 1]", rb"\"a\": [1, 0]"
    assert content.count(old) == 1
    path.write_bytes(content.replace(old, new))


def damage_bit(path):
    content = bytearray(path.read_bytes())
    content[-3] ^= 1
    path.write_bytes(content)


def damage_swap(path):
    other = embedding_key("other", {}, "e")
    EmbeddingCache(folder=path.parent).get(other, lambda: tensors(9.0))
    (path.parent / f"{other.digest}.safetensors").replace(path)


def damage_layout(path, layout="[]"):
    with safe_open(path, framework="pt") as file:
        about, stored = file.metadata(), {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
    save_file(stored, path, {**about, "layout": layout})


def damage_order(path):
    damage_layout(path, '{"a": [1, 1], "b": ["x"]}')


def damage_depth(path):
    damage_layout(path, "[" * 10_000)


def damage_pipe(path):
    path.unlink()
    os.mkfifo(path)


@pytest.mark.parametrize(
    "damage",
    [
        damage_truncate,
        damage_header,
        damage_empty,
        damage_shape,
        damage_transposed,
        damage_bit,
        damage_swap,
        damage_layout,
        damage_order,
        damage_depth,
        damage_pipe,
    ],
)
def test_damaged_entries_are_rewritten(tmp_path, damage):
    EmbeddingCache(folder=tmp_path).get(KEY, tensors)
    damage(tmp_path / f"{KEY.digest}.safetensors")
    cache = EmbeddingCache(folder=tmp_path)
    assert equal(cache.get(KEY, tensors), tensors())
    assert cache.misses == 1
    assert equal(EmbeddingCache(folder=tmp_path).get(KEY, forbidden), tensors())


def test_disk_cap_holds_and_recently_read_files_stay(tmp_path):
    cap = 8000
    keys = [embedding_key(str(n), {}, "e") for n in range(12)]
    for n, key in enumerate(keys):
        EmbeddingCache(0, tmp_path, cap).get(key, tensors)
        path = tmp_path / f"{key.digest}.safetensors"
        os.utime(path, (1000 + n, 1000 + n))
        if n:  # the first is read again each time, so it is never the oldest
            EmbeddingCache(0, tmp_path, cap).get(keys[0], forbidden)
        assert sum(file.stat().st_size for file in tmp_path.glob("*.safetensors")) <= cap
    kept = {file.stem for file in tmp_path.glob("*.safetensors")}
    assert {keys[0].digest, keys[-1].digest} <= kept
    assert keys[1].digest not in kept


def test_an_entry_above_the_cap_is_not_written(tmp_path):
    EmbeddingCache(folder=tmp_path, disk_bytes=100).get(KEY, tensors)
    assert not list(tmp_path.glob("*.safetensors"))


def test_a_full_disk_costs_a_warning_not_the_result(tmp_path, monkeypatch):
    def full(*args, **kwargs):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("hsizoo.engine.embeddings.save_file", full)
    cache = EmbeddingCache(folder=tmp_path)
    with pytest.warns(UserWarning, match="No space left"):
        assert equal(cache.get(KEY, tensors), tensors())
    assert not [file for file in tmp_path.iterdir() if file.is_file()]


def test_a_failed_computation_leaves_nothing(tmp_path):
    cache = EmbeddingCache(folder=tmp_path)
    with pytest.raises(ZeroDivisionError):
        cache.get(KEY, lambda: {"x": torch.ones(1 // 0)})
    assert equal(cache.get(KEY, tensors), tensors())


def test_threads_compute_once():
    cache, started = EmbeddingCache(), []

    def slow():
        started.append(1)
        time.sleep(0.05)
        return tensors()

    threads = [threading.Thread(target=cache.get, args=(KEY, slow)) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(started), cache.hits, cache.misses) == (1, 7, 1)


WRITER = """
    import os, signal, sys, torch
    import hsizoo.engine.embeddings as e
    if "{kill}":
        if "{kill}" == "half":
            def save(tensors, path, metadata):
                open(path, "wb").write(b"half of it")
                os.kill(os.getpid(), signal.SIGKILL)
            e.save_file = save
        else:
            e.os.fsync = lambda handle: os.kill(os.getpid(), signal.SIGKILL)
    cache = e.EmbeddingCache(folder=sys.argv[1])
    key = e.embedding_key("image", {{"rgb": "bands"}}, "encoder")
    cache.get(key, lambda: {{"b": torch.full((100,), 1.0), "a": torch.arange(6).reshape(2, 3)}})
    print(cache.misses)
"""


def start(folder, kill=""):
    code = textwrap.dedent(WRITER.format(kill=kill))
    return subprocess.Popen(
        [sys.executable, "-c", code, str(folder)], stdout=subprocess.PIPE, text=True
    )


@pytest.mark.parametrize("moment", ["half", "before rename"])
def test_a_killed_writer_leaves_no_entry(tmp_path, moment):
    writer = start(tmp_path, kill=moment)
    assert writer.wait() == -signal.SIGKILL
    writer.stdout.close()
    assert not list(tmp_path.glob("*.safetensors"))
    (leftover,) = tmp_path.glob(".*.part")
    os.utime(leftover, (0, 0))
    cache = EmbeddingCache(folder=tmp_path)  # the killed one's lock does not block it either
    assert equal(cache.get(KEY, tensors), tensors())
    assert not leftover.exists()


def test_what_another_process_is_writing_stays(tmp_path):
    (tmp_path / ".other.part").touch()
    EmbeddingCache(folder=tmp_path).get(KEY, tensors)
    assert (tmp_path / ".other.part").exists()


def test_processes_compute_once(tmp_path):
    writers = [start(tmp_path) for _ in range(2)]
    counts = [writer.communicate()[0].strip() for writer in writers]
    assert sorted(counts) == ["0", "1"]
    assert equal(EmbeddingCache(folder=tmp_path).get(KEY, forbidden), tensors())


@pytest.fixture
def fresh():
    embedding_cache.cache_clear()
    yield
    embedding_cache.cache_clear()


def test_process_wide_cache_follows_the_environment(fresh, monkeypatch, tmp_path):
    monkeypatch.setenv("HSIZOO_HOME", str(tmp_path))
    for name in ("HSIZOO_EMBEDDINGS", "HSIZOO_EMBEDDINGS_GB"):
        monkeypatch.delenv(name, raising=False)
    assert embedding_cache() is embedding_cache()
    assert (embedding_cache().folder, embedding_cache().memory_bytes) == (None, 2 * 2**30)
    monkeypatch.setenv("HSIZOO_EMBEDDINGS", "disk")
    monkeypatch.setenv("HSIZOO_EMBEDDINGS_GB", "0.5")
    embedding_cache.cache_clear()
    assert embedding_cache().folder == tmp_path / "embeddings"
    assert embedding_cache().disk_bytes == 2**29
    monkeypatch.setenv("HSIZOO_EMBEDDINGS", "off")
    embedding_cache.cache_clear()
    assert (embedding_cache().folder, embedding_cache().memory_bytes) == (None, 0)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HSIZOO_EMBEDDINGS", "on"),
        ("HSIZOO_EMBEDDINGS_GB", "-1"),
        ("HSIZOO_EMBEDDINGS_GB", "many"),
        ("HSIZOO_EMBEDDINGS_GB", "nan"),
    ],
)
def test_a_wrong_environment_is_named(fresh, monkeypatch, name, value):
    monkeypatch.setenv(name, value)
    with pytest.raises(OptionError, match=name):
        embedding_cache()


def test_entries_made_or_read_in_inference_mode_are_ordinary_tensors(tmp_path):
    key = embedding_key("image", {}, "encoder")
    for _ in range(2):  # computed, then read
        cache = EmbeddingCache(folder=tmp_path)
        with torch.inference_mode():
            found = cache.get(key, lambda: {"x": torch.ones(2)})
        assert not found["x"].is_inference()
        assert not found["x"].requires_grad


def test_a_lock_that_is_never_released_costs_a_computation_only(tmp_path, monkeypatch):
    monkeypatch.setattr("hsizoo.engine.embeddings._LOCK_SECONDS", 0.05)
    key = embedding_key("image", {}, "encoder")
    (tmp_path / "locks").mkdir()
    slot = int(key.digest[:8], 16) % 64
    with FileLock(tmp_path / "locks" / f"{slot:02d}.lock"):
        tensors = EmbeddingCache(folder=tmp_path).get(key, lambda: {"x": torch.ones(3)})
    assert tensors["x"].tolist() == [1, 1, 1]
    again = EmbeddingCache(folder=tmp_path)
    again.get(key, lambda: pytest.fail("it was stored"))
    assert again.hits == 1


def test_under_a_condition_that_does_not_hold_nothing_is_written(tmp_path):
    cache = EmbeddingCache(folder=tmp_path)
    with cache.written_if(lambda: True), cache.written_if(lambda: False):
        cache.get(embedding_key("a", {}, "e"), lambda: {"x": torch.ones(2)})
    assert not [*tmp_path.glob("*.safetensors")]
    with cache.written_if(lambda: True):
        cache.get(embedding_key("b", {}, "e"), lambda: {"x": torch.ones(2)})
    assert len([*tmp_path.glob("*.safetensors")]) == 1
