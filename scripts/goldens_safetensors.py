"""Writes the safetensors goldens of core/src/test/resources/format with the Python library.

    python scripts/goldens_safetensors.py

- every_dtype.safetensors: one tensor of each element type Graft computes with, a scalar and an empty tensor
- verdicts.json: headers, and whether the Python library accepts a file made of each
- versions.json: what wrote them

Needs torch and safetensors.
"""

import json
import platform
import struct
from pathlib import Path

import safetensors
import torch
from safetensors.torch import save_file

OUT = Path(__file__).resolve().parent.parent / "core/src/test/resources/format"

TENSORS = {
    "b.float64": torch.tensor([[1.5, -2.25, 3.0]], dtype=torch.float64),
    "a.float32": torch.tensor([[1.0, 2.0, 3.0], [-0.5, float("inf"), 1e-30]], dtype=torch.float32),
    "c.bfloat16": torch.tensor([1.0, -3.140625, 256.0], dtype=torch.bfloat16),
    "d.float16": torch.tensor([1.0, -0.333251953125, 65504.0], dtype=torch.float16),
    "e.int64": torch.tensor([-(2**63), 2**63 - 1], dtype=torch.int64),
    "f.int32": torch.tensor([-(2**31), 7], dtype=torch.int32),
    "g.int16": torch.tensor([-(2**15), 7], dtype=torch.int16),
    "h.int8": torch.tensor([-128, 127, 0], dtype=torch.int8),
    "i.uint8": torch.tensor([0, 255], dtype=torch.uint8),
    "j.bool": torch.tensor([True, False, True]),
    "scalar": torch.tensor(42.0),
    "empty": torch.zeros(0, 4),
    "naïve \"名\" \\ 😀": torch.tensor([9], dtype=torch.uint8),
    "naïve \"名\" \ufb01": torch.tensor([8], dtype=torch.uint8),
}


def tensor(dtype="U8", shape="[1]", offsets="[0,1]", extra=""):
    return '{"dtype":"%s","shape":%s,"data_offsets":%s%s}' % (dtype, shape, offsets, extra)


def one(**parts):
    return '{"a":%s}' % tensor(**parts)


BITS = {"BOOL": 8, "F4": 4, "F6_E2M3": 6, "F6_E3M2": 6, "U8": 8, "I8": 8, "F8_E5M2": 8, "F8_E4M3": 8, "F8_E8M0": 8,
        "F8_E4M3FNUZ": 8, "F8_E5M2FNUZ": 8, "I16": 16, "U16": 16, "F16": 16, "BF16": 16, "I32": 32, "U32": 32,
        "F32": 32, "C64": 64, "F64": 64, "I64": 64, "U64": 64}
BIG = 2**63 - 1

# (header, bytes of data)
CASES = [(one(dtype=d, shape="[8]", offsets="[0,%d]" % b), b) for d, b in BITS.items()] + [
    (one(dtype="F4", shape="[3]", offsets="[0,2]"), 2),
    (one(dtype="F4", shape="[3]", offsets="[0,1]"), 1),
    (one(dtype="F6_E2M3", shape="[4]", offsets="[0,3]"), 3),
    (one(dtype="F128"), 1),
    (one(dtype="u8"), 1),
    ("{}", 0),
    ("{}", 1),
    ("{}  ", 0),
    ("{}\n\t", 0),
    (" {}", 0),
    ("{}x", 0),
    ("{} {}", 0),
    ("[]", 0),
    ("12", 0),
    ('{"a"', 0),
    ("{'a':1}", 0),
    ('{"a":1}', 0),
    ('{"a":null}', 0),
    ('{"a":{}}', 0),
    ('{"a":["U8",[1],[0,1]]}', 1),
    ('{"__metadata__":{}}', 0),
    ('{"__metadata__":{"format":"pt","x":"y"}}', 0),
    ('{"__metadata__":{"x":1}}', 0),
    ('{"__metadata__":{"x":{}}}', 0),
    ('{"__metadata__":{"x":null}}', 0),
    ('{"__metadata__":null}', 0),
    ('{"__metadata__":"x"}', 0),
    ('{"\\ud83d\\ude00":%s}' % tensor(), 1),
    ('{"\\ud800":%s}' % tensor(), 1),
    ('{"":%s}' % tensor(), 1),
    ('{"a\x01":%s}' % tensor(), 1),
    (one(), 1),
    (one(), 0),
    (one(), 2),
    (one(extra=',"note":[1,{"deep":[]}]'), 1),
    (one(extra=',"dtype":"U8"'), 1),
    (one(extra=',"\\ud83d":1'), 1),
    (one(extra=',"x":["\\ude00"]'), 1),
    (one(extra=',"x":"\\ud83d\\ude00"'), 1),
    (one(extra=',"x":[1e400]'), 1),
    (one(extra=',"x":{"y":-1e308}'), 1),
    (one(extra=',"x":' + "9" * 309), 1),
    (one(extra=',"x":0.' + "9" * 2000), 1),
    (one(extra=',"x":1e-' + "9" * 2000), 1),
    (one(extra=',"x":' + "[" * 125 + "]" * 125), 1),
    (one(extra=',"x":' + "[" * 126 + "]" * 126), 1),
    (one(shape="[0,9223372036854775808]", offsets="[0,0]"), 0),
    (one(shape="[]"), 1),
    (one(shape="[0]", offsets="[0,0]"), 0),
    (one(shape="[0]", offsets="[1,1]"), 1),
    (one(shape="[1.0]"), 1),
    (one(shape="[1e0]"), 1),
    (one(shape="[01]"), 1),
    (one(shape="[+1]"), 1),
    (one(shape="[-1]"), 1),
    (one(shape="[-0]", offsets="[0,0]"), 0),
    (one(shape='["1"]'), 1),
    (one(shape="[true]"), 1),
    (one(shape="[NaN]"), 1),
    (one(shape="[1,]"), 1),
    (one(shape="1"), 1),
    (one(shape="null"), 1),
    (one(shape="[[1]]"), 1),
    (one(shape="[2]"), 1),
    (one(shape="[%d,2]" % BIG), 1),
    (one(shape="[%d,%d,0]" % (BIG, BIG), offsets="[0,0]"), 0),
    (one(shape="[0,%d,%d]" % (BIG, BIG), offsets="[0,0]"), 0),
    (one(shape="[4294967296,4294967296]", offsets="[0,0]"), 0),
    (one(dtype="F64", shape="[2305843009213693952]", offsets="[0,0]"), 0),
    (one(shape="[99999999999999999999999]"), 1),
    (one(offsets="[1,0]"), 1),
    (one(offsets="[-1,0]"), 1),
    (one(offsets="[0]"), 1),
    (one(offsets="[0,1,2]"), 1),
    (one(offsets="[0,2]"), 1),
    (one(offsets="[1,2]"), 2),
    (one(offsets="[0,18446744073709551615]"), 1),
    ('{"a":%s,"b":%s}' % (tensor(), tensor(offsets="[1,2]")), 2),
    ('{"b":%s,"a":%s}' % (tensor(offsets="[1,2]"), tensor()), 2),
    ('{"a":%s,"b":%s}' % (tensor(), tensor(offsets="[2,3]")), 3),
    ('{"a":%s,"b":%s}' % (tensor(), tensor()), 2),
    ('{"a":%s,"b":%s}' % (tensor(shape="[2]", offsets="[0,2]"), tensor(offsets="[1,2]")), 2),
    ('{"a":%s,"b":%s}' % (tensor(shape="[2]", offsets="[0,2]"), tensor(shape="[0]", offsets="[1,1]")), 2),
    ('{"a":%s,"a":%s}' % (tensor(shape="[0]", offsets="[0,0]"), tensor()), 1),
    ('{"z":%s,"a":%s,"c":%s}' % (tensor(shape="[0]", offsets="[1,1]"), tensor(),
                                 tensor(shape="[0]", offsets="[0,0]")), 1),
]


def accepted(header, count):
    encoded = header.encode()
    try:
        safetensors.deserialize(struct.pack("<Q", len(encoded)) + encoded + bytes(count))
        return True
    except safetensors.SafetensorError:
        return False


def main():
    OUT.mkdir(parents=True, exist_ok=True)
    save_file(TENSORS, OUT / "every_dtype.safetensors", metadata={"format": "pt"})
    rows = [json.dumps([header, count, accepted(header, count)]) for header, count in CASES]
    (OUT / "verdicts.json").write_text("[\n" + ",\n".join(rows) + "\n]\n")
    versions = {"python": platform.python_version(), "torch": torch.__version__, "safetensors": safetensors.__version__}
    (OUT / "versions.json").write_text(json.dumps(versions, indent=2) + "\n")


if __name__ == "__main__":
    main()
