"""What the benchmark prints"""

from statistics import median

from tests.bench.generator import Load


def row(name: str, figure: float, remark: str = "") -> None:
    """Print one figure."""
    print(
        f"{name:<40}{figure:>10,.{0 if figure >= 10 or figure == 0 else 1}f}  {remark}", flush=True
    )


def ratio(name: str, figure: float, remark: str = "") -> None:
    """Print one ratio."""
    print(f"{name:<40}{figure:>10.2f}  {remark}", flush=True)


def times(*loads: Load) -> str:
    """Return how long answers took, in the middle of some loads."""
    p50, p99 = (median(getattr(load, name) for load in loads) for name in ("p50_ms", "p99_ms"))
    return f"p50 {p50:.1f} ms, p99 {p99:.1f} ms"
