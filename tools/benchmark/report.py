"""The tables that a person reads."""

import os

from measure import MB


def print_table(title, rows, byte_count):
    """rows: (name, Run)."""
    print(f"\n{title}")
    wide = max(len(name) for name, _ in rows)
    print(f"  {'':{wide}}  {'seconds':>8}  {'MB/s':>7}  {'CPU s':>7}  {'MB per CPU s':>12}")
    for name, run in rows:
        print(f"  {name:{wide}}  {run.seconds:8.2f}  {byte_count / MB / run.seconds:7.0f}  "
              f"{run.cpu_s:7.2f}  {byte_count / MB / max(run.cpu_s, 0.01):12.0f}")


def print_rates(title, rows, count):
    """rows: (name, Run) of as many events each."""
    print(f"\n{title}")
    wide = max(len(name) for name, _ in rows)
    print(f"  {'':{wide}}  {'seconds':>8}  {'events/s':>9}  {'CPU s':>7}  {'events per CPU s':>16}")
    for name, run in rows:
        print(f"  {name:{wide}}  {run.seconds:8.2f}  {count / run.seconds:9,.0f}  "
              f"{run.cpu_s:7.2f}  {count / max(run.cpu_s, 0.01):16,.0f}")


def print_delays(title, rows):
    """rows: {name: {"median": milliseconds, "p99": milliseconds}}."""
    print(f"\n{title}")
    wide = max(map(len, rows))
    print(f"  {'':{wide}}  {'median ms':>9}  {'99th % ms':>9}")
    for name, delay in rows.items():
        print(f"  {name:{wide}}  {delay['median']:9.3f}  {delay['p99']:9.3f}")


def print_goals(goals):
    """goals: (what, value, target or None, higher is better)."""
    wide = max(len(what) for what, *_ in goals)
    for what, value, target, higher in goals:
        if target is None:
            print(f"  {what:{wide}}  {value:6.2f}")
            continue
        reached = value >= target if higher else value < target
        sign = ">=" if higher else "<"
        print(f"  {what:{wide}}  {value:6.2f}  to reach: {sign} {target:<5g}"
              f"{'reached' if reached else 'NOT reached'}")


def print_shares(title, shares):
    """shares: (what, percent); nothing without any."""
    if shares:
        print(f"  {title}: " + ", ".join(f"{what} {share:.0f} %" for what, share in shares))


def print_load(so="CPU seconds tell more than seconds here"):
    """A warning when others were using the machine: then seconds tell little."""
    # What is measured keeps two or three threads running.
    load, cores = os.getloadavg()[0], os.cpu_count()
    if load > max(cores, 3) + 1:
        print(f"  the machine is busy (load {load:.1f} on {cores} cores): "
              f"{so}")
