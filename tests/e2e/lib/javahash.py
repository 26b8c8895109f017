"""The partition policies of the product page, computed here a second time."""


def java_hash(text):
    """Java's String.hashCode: over UTF-16 code units, wrapping at 32 bits, signed."""
    h = 0
    data = text.encode("utf-16-le", "surrogatepass")
    for i in range(0, len(data), 2):
        h = (31 * h + (data[i] | data[i + 1] << 8)) & 0xFFFFFFFF
    return h - (1 << 32) if h >= 1 << 31 else h


def _partition(h, n):
    """abs(abs(h) % n) in Java, where abs(INT_MIN) stays INT_MIN and % follows the dividend's sign."""
    if h == -(1 << 31):
        return (1 << 31) % n
    return abs(h) % n


def by_table(database, table, n):
    return _partition(java_hash(f"{database}.{table}"), n)


def by_key(database, values, n):
    h = java_hash(database)
    for value in values:
        h ^= java_hash(value or "")
    return _partition(h, n)
