"""xxHash64: https://github.com/Cyan4973/xxHash/blob/dev/doc/xxhash_spec.md."""

from __future__ import annotations

_P1, _P2, _P3 = 0x9E3779B185EBCA87, 0xC2B2AE3D27D4EB4F, 0x165667B19E3779F9
_P4, _P5 = 0x85EBCA77C2B2AE63, 0x27D4EB2F165667C5
_MASK = (1 << 64) - 1


def _turned(x: int, bits: int) -> int:
    return (x << bits | x >> (64 - bits)) & _MASK


def _mixed(lane: int, word: int) -> int:
    return _turned((lane + word * _P2) & _MASK, 31) * _P1 & _MASK


def _number(data: bytes, at: int, size: int) -> int:
    return int.from_bytes(data[at : at + size], "little")


def xxhash64(data: bytes) -> int:
    """Give the hash of `data` with the seed 0."""
    size, at = len(data), 0
    if size >= 32:
        lanes = [(_P1 + _P2) & _MASK, _P2, 0, -_P1 & _MASK]
        while at <= size - 32:
            lanes = [_mixed(lane, _number(data, at + 8 * i, 8)) for i, lane in enumerate(lanes)]
            at += 32
        turned = zip(lanes, (1, 7, 12, 18), strict=True)
        total = sum(_turned(lane, bits) for lane, bits in turned) & _MASK
        for lane in lanes:
            total = ((total ^ _mixed(0, lane)) * _P1 + _P4) & _MASK
    else:
        total = _P5
    total = (total + size) & _MASK
    while at <= size - 8:
        total = (_turned(total ^ _mixed(0, _number(data, at, 8)), 27) * _P1 + _P4) & _MASK
        at += 8
    if at <= size - 4:
        total = (_turned(total ^ _number(data, at, 4) * _P1 & _MASK, 23) * _P2 + _P3) & _MASK
        at += 4
    for byte in data[at:]:
        total = _turned(total ^ byte * _P5 & _MASK, 11) * _P1 & _MASK
    total = (total ^ total >> 33) * _P2 & _MASK
    total = (total ^ total >> 29) * _P3 & _MASK
    return total ^ total >> 32
