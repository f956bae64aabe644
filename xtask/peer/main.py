"""Times the cases of `cargo xtask bench` with PyTorch.

One JSON object per line: a case on stdin, its times on stdout. The first line says who answers.
"""

import argparse
import json
import sys
import time


def fail(message):
    print(json.dumps({"error": message}), flush=True)
    sys.exit(3)


try:
    import torch
except ImportError as error:
    fail(
        f"{sys.executable} has no PyTorch ({error}); "
        f"`{sys.executable} -m pip install torch` installs it"
    )

import conv
import df_gan
import gan_int_cls
import sdn


def matrix_product(case):
    side = case["side"]
    a, b = torch.randn(side, side), torch.randn(side, side)

    def call():
        with torch.no_grad():
            a @ b

    return call, None


def prepare(case):
    """A function that makes one call, and the sizes of the networks; `None` where there is no
    counterpart here."""
    if case["kind"] == "matrix-product":
        return matrix_product(case)
    if case["kind"] == "conv":
        return conv.prepare(case)
    if case["kind"] == "step" and case["family"] == "sdn":
        return sdn.prepare(case)
    if case["kind"] == "step" and case["family"] == "gan-int-cls":
        return gan_int_cls.prepare(case)
    if case["kind"] == "step" and case["family"] == "df-gan":
        return df_gan.prepare(case)
    return None


def peak_bytes():
    try:
        with open("/proc/self/status") as status:
            for line in status:
                if line.startswith("VmHWM:"):
                    return int(line.split()[1]) * 1024
    except OSError:
        pass
    return None


def measure(prepared, request):
    call, parameters = prepared
    for _ in range(request["warmups"]):
        call()
    seconds, sections = [], []
    for _ in range(request["repeats"]):
        started = time.perf_counter()
        parts = call() or []
        seconds.append(time.perf_counter() - started)
        if seconds[-1] == min(seconds):
            sections = parts
    return {
        "seconds": seconds,
        "sections": sections,
        "parameters": parameters,
        "peak_bytes": peak_bytes(),
    }


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--threads", type=int, required=True)
    threads = parser.parse_args().threads
    torch.set_num_threads(threads)
    torch.manual_seed(0)
    hello = {
        "name": f"PyTorch {torch.__version__}",
        "threads": torch.get_num_threads(),
        "isa": torch.backends.cpu.get_cpu_capability().lower(),
    }
    print(json.dumps(hello), flush=True)
    ready, prepared = None, None
    for line in sys.stdin:
        request = json.loads(line)
        if request["case"] != ready:
            prepared = None
            prepared = prepare(request["case"])
            ready = request["case"]
        answer = measure(prepared, request) if prepared else {"seconds": []}
        print(json.dumps(answer), flush=True)


main()
