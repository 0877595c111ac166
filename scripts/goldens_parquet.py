"""Small Parquet files for ParquetRowsTest, as pyarrow (which Hugging Face datasets use) writes them.

    python scripts/goldens_parquet.py

Writes core/src/test/resources/goldens/parquet/*.parquet and versions.json.
"""
import datetime
import decimal
import json
import pathlib

import pyarrow as pa
import pyarrow.parquet as pq

OUT = pathlib.Path(__file__).parent.parent / "core/src/test/resources/goldens/parquet"
OUT.mkdir(parents=True, exist_ok=True)

NESTED = [
    {"messages": [{"role": "user", "content": "hi é 中"}, {"role": "assistant", "content": "yes"}], "source": "a",
     "n": 1, "score": 0.5, "ok": True, "tags": ["x", "y"], "when": datetime.datetime(2024, 1, 2, 3, 4, 5),
     "day": datetime.date(2024, 1, 2), "price": decimal.Decimal("1.50"), "meta": {"id": 7, "note": None}},
    {"messages": [{"role": "user", "content": "again"}, {"role": "assistant", "content": "no"}], "source": None,
     "n": None, "score": None, "ok": None, "tags": None, "when": None, "day": None, "price": None, "meta": None},
    {"messages": [{"role": "user", "content": "last"}, {"role": "assistant", "content": "yes"}], "source": "c",
     "n": 3, "score": -1.5, "ok": False, "tags": [], "when": None, "day": None, "price": None,
     "meta": {"id": 8, "note": "z"}},
]
for codec in ["none", "snappy", "zstd", "gzip", "lz4"]:
    pq.write_table(pa.Table.from_pylist(NESTED), OUT / f"nested-{codec}.parquet", compression=codec)

pairs = pa.table({"prompt": [f"question {i}" for i in range(250)], "completion": [f" answer {i}" for i in range(250)]})
pq.write_table(pairs, OUT / "pairs.parquet", row_group_size=100, compression="zstd")
pq.write_table(pa.table({"prompt": ["a", "b", None], "completion": [" x", None, " z"]}), OUT / "nulls.parquet")
bad = pa.array([b"fine", b"caf\xe9"], type=pa.binary()).view(pa.utf8())
pq.write_table(pa.table({"text": bad}), OUT / "latin.parquet")
types = {
    "u8": pa.array([200, None], pa.uint8()), "u32": pa.array([2**32 - 1, None], pa.uint32()),
    "u64": pa.array([2**63 + 5, None], pa.uint64()), "half": pa.array([1.5, None], pa.float16()),
    "time": pa.array([datetime.time(1, 2, 3, 500), None]), "bytes": pa.array([b"\xff\x00", None]),
    "map": pa.array([[("k", 1)], None], pa.map_(pa.string(), pa.int32())),
    "word": pa.array(["p", "q"]).dictionary_encode(), "none": pa.array([None, None], pa.null()),
}
pq.write_table(pa.table(types), OUT / "types.parquet")
old = pa.table({"when": pa.array([datetime.datetime(2020, 1, 2, 3, 4, 5), None], pa.timestamp("ns"))})
pq.write_table(old, OUT / "int96.parquet", use_deprecated_int96_timestamps=True)
pq.write_table(pairs.slice(0, 0), OUT / "empty.parquet")

(OUT / "versions.json").write_text(json.dumps({"pyarrow": pa.__version__}) + "\n")
print("pyarrow", pa.__version__)
