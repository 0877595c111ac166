package dev.graft.bench;

import dev.graft.quant.Fp4;
import dev.graft.quant.Int8Rows;
import dev.graft.quant.Nf4;
import dev.graft.quant.QuantFormat;
import dev.graft.quant.Quantised;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import dev.graft.tensor.Torch;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Locale;
import java.util.Map;
import java.util.Random;

/// Unpacking a matrix of 2048 columns and, in turn with it, a copy of the bytes that unpacking must read and
/// write, so that what else the machine does meets both alike ([QuantBenchmark] times each alone).
///
/// ```text
/// java <graft's JVM options> -cp "bench/target/graft-bench.jar:bench/target/lib/*"
/// dev.graft.bench.UnpackBenchmark ROWS THREADS
/// ```
/// 8192 rows are larger than a processor's own cache, 256 are not.
public final class UnpackBenchmark {
    private static final int COLUMNS = 2048;
    private static final int WARM_UP = 300;
    private static final int TURNS = 300;

    private UnpackBenchmark() {}

    public static void main(String[] args) {
        int rows = Integer.parseInt(args[0]);
        Torch.setThreads(Integer.parseInt(args[1]));
        Map<String, QuantFormat> formats = new LinkedHashMap<>();
        formats.put("nf4", new Nf4(false));
        formats.put("nf4-double", new Nf4(true));
        formats.put("fp4", new Fp4(false));
        formats.put("int8", new Int8Rows());
        System.out.println(Machine.line());
        float[] numbers = new float[rows * COLUMNS];
        Random random = new Random(1);
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = (float) random.nextGaussian() * 0.02f;
        }
        for (DType type : List.of(DType.BF16, DType.F32)) {
            formats.forEach((name, format) -> {
                try (Scope scope = Scope.open();
                        Quantised packed = format.quantise(Tensor.of(numbers, rows, COLUMNS))) {
                    compare(name, packed, type);
                }
            });
        }
        System.out.println(Machine.line());
    }

    private static void compare(String name, Quantised packed, DType type) {
        Tensor target = Tensor.empty(type, Device.cpu(), packed.shape());
        long bytes = packed.bytes() + target.bytes();
        Tensor from = Tensor.zeros(DType.U8, Device.cpu(), bytes / 2);
        Tensor to = Tensor.zeros(DType.U8, Device.cpu(), bytes / 2);
        double[] unpacking = new double[TURNS];
        double[] copying = new double[TURNS];
        for (int i = -WARM_UP; i < TURNS; i++) {
            double unpacked = seconds(() -> packed.unpack(target));
            double copied = seconds(() -> to.copyInPlace(from));
            if (i >= 0) {
                unpacking[i] = unpacked;
                copying[i] = copied;
            }
        }
        Arrays.sort(unpacking);
        Arrays.sort(copying);
        double median = unpacking[TURNS / 2];
        System.out.printf(
                Locale.ROOT,
                "%-10s %-4s unpack %.2f ms (best %.2f), %.1f G weights/s, %.1f GB/s; copy %.2f ms (best %.2f);"
                        + " of the copy %.2f (best %.2f)%n",
                name,
                type,
                median * 1e3,
                unpacking[0] * 1e3,
                packed.elements() / median / 1e9,
                bytes / median / 1e9,
                copying[TURNS / 2] * 1e3,
                copying[0] * 1e3,
                copying[TURNS / 2] / median,
                copying[0] / unpacking[0]);
    }

    private static double seconds(Runnable work) {
        long began = System.nanoTime();
        work.run();
        return (System.nanoTime() - began) / 1e9;
    }
}
