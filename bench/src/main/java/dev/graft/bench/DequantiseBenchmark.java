package dev.graft.bench;

import dev.graft.quant.Nf4;
import dev.graft.quant.Quantised;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import dev.graft.tensor.Torch;
import java.util.ArrayList;
import java.util.List;
import java.util.Locale;

/// Unpacking NF4 to bfloat16 and float32, with and without double quantisation, on one thread and two, in cache and from
/// memory, in GB/s of the bytes read and written, beside a plain copy of as many bytes in the same round.
///
/// ```text
/// java <graft's JVM options> -cp "bench/target/graft-bench.jar:bench/target/lib/*" dev.graft.bench.DequantiseBenchmark
/// ```
public final class DequantiseBenchmark {
    private static final int ROUNDS = 15;

    private DequantiseBenchmark() {}

    public static void main(String[] args) {
        System.out.println(Machine.line());
        for (int threads : new int[] {1, 2}) {
            Torch.setThreads(threads);
            for (boolean cached : new boolean[] {true, false}) {
                for (DType type : new DType[] {DType.BF16, DType.F32}) {
                    for (boolean nested : new boolean[] {false, true}) {
                        measure(threads, cached, type, nested);
                    }
                }
            }
        }
        System.out.println(Machine.line());
    }

    /// In cache: one matrix of 512 × 512, again and again. From memory: 16 of 2048 × 4096, one after another.
    private static void measure(int threads, boolean cached, DType type, boolean nested) {
        int rows = cached ? 512 : 2048;
        int columns = cached ? 512 : 4096;
        int count = cached ? 1 : 16;
        int repeats = cached ? 200 : 1;
        List<Quantised> matrices = new ArrayList<>();
        try (Scope scope = Scope.open()) {
            float[] numbers = new float[rows * columns];
            for (int i = 0; i < numbers.length; i++) {
                numbers[i] = i % 1013 - 506;
            }
            Tensor values = Tensor.of(numbers, rows, columns);
            for (int i = 0; i < count; i++) {
                matrices.add(new Nf4(nested).quantise(values));
            }
            long bytes = matrices.getFirst().bytes() + values.elements() * type.bytes();
            List<Tensor> targets = new ArrayList<>();
            List<Tensor> sources = new ArrayList<>();
            for (int i = 0; i < count; i++) {
                targets.add(Tensor.zeros(type, Device.cpu(), rows, columns));
                sources.add(Tensor.zeros(DType.U8, Device.cpu(), bytes));
            }
            double unpack = Double.MAX_VALUE;
            double copy = Double.MAX_VALUE;
            for (int round = 0; round < ROUNDS; round++) {
                unpack = Math.min(unpack, Machine.best(1, () -> {
                    for (int r = 0; r < repeats; r++) {
                        for (int i = 0; i < count; i++) {
                            matrices.get(i).unpack(targets.get(i));
                        }
                    }
                }));
                copy = Math.min(copy, Machine.best(1, () -> {
                    for (int r = 0; r < repeats; r++) {
                        for (int i = 0; i < count; i++) {
                            Tensor source = sources.get(i);
                            // a copy of half of the bytes reads and writes all of them
                            Scope.local(() -> {
                                source.narrow(0, 0, bytes / 2).copyInPlace(source.narrow(0, bytes / 2, bytes / 2));
                                return source;
                            });
                        }
                    }
                }));
            }
            double gigabytes = (double) bytes * count * repeats / 1e9;
            System.out.printf(
                    Locale.ROOT,
                    "%d threads, %s, to %s%s: %.1f GB/s (%.1f G weights/s); copy %.1f GB/s; %.2f of it%n",
                    threads,
                    cached ? "in cache" : "from memory",
                    type,
                    nested ? ", double quantisation" : "",
                    gigabytes / unpack,
                    (double) rows * columns * count * repeats / unpack / 1e9,
                    gigabytes / copy,
                    copy / unpack);
        } finally {
            matrices.forEach(Quantised::close);
        }
    }
}
