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
import java.util.Random;
import java.util.concurrent.TimeUnit;
import org.openjdk.jmh.annotations.Benchmark;
import org.openjdk.jmh.annotations.BenchmarkMode;
import org.openjdk.jmh.annotations.Fork;
import org.openjdk.jmh.annotations.Level;
import org.openjdk.jmh.annotations.Measurement;
import org.openjdk.jmh.annotations.Mode;
import org.openjdk.jmh.annotations.OutputTimeUnit;
import org.openjdk.jmh.annotations.Param;
import org.openjdk.jmh.annotations.Setup;
import org.openjdk.jmh.annotations.State;
import org.openjdk.jmh.annotations.TearDown;
import org.openjdk.jmh.annotations.Warmup;

/// Packing and unpacking a matrix, and the time a copy of the bytes takes that unpacking must read and
/// write. The small matrix stays in cache, the large one does not.
///
/// ```
/// java -cp 'bench/target/graft-bench.jar:bench/target/lib/*' org.openjdk.jmh.Main QuantBenchmark
/// ```
@State(org.openjdk.jmh.annotations.Scope.Thread)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 3, time = 1)
@Fork(
        value = 1,
        jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "-Xmx2g"})
public class QuantBenchmark {
    @Param({"nf4", "nf4-double", "fp4", "int8"})
    public String format;

    @Param({"BF16", "F32"})
    public DType type;

    @Param({"256", "8192"})
    public int rows;

    @Param({"1", "2"})
    public int threads;

    private Scope outer;
    private Quantised packed;
    private Tensor values;
    private Tensor target;
    private Tensor from;
    private Tensor to;

    @Setup(Level.Trial)
    public void setUp() {
        Torch.setThreads(threads);
        outer = Scope.open();
        Random random = new Random(1);
        float[] numbers = new float[rows * 2048];
        for (int i = 0; i < numbers.length; i++) {
            numbers[i] = (float) random.nextGaussian() * 0.02f;
        }
        values = Tensor.of(numbers, rows, 2048).to(type);
        packed = format().quantise(values);
        target = Tensor.empty(type, Device.cpu(), rows, 2048);
        long bytes = packed.bytes() + target.bytes();
        from = Tensor.zeros(DType.U8, Device.cpu(), bytes / 2);
        to = Tensor.zeros(DType.U8, Device.cpu(), bytes / 2);
    }

    private QuantFormat format() {
        return switch (format) {
            case "nf4" -> new Nf4(false);
            case "nf4-double" -> new Nf4(true);
            case "fp4" -> new Fp4(false);
            default -> new Int8Rows();
        };
    }

    @TearDown(Level.Trial)
    public void tearDown() {
        packed.close();
        outer.close();
    }

    @Benchmark
    public void unpack() {
        packed.unpack(target);
    }

    @Benchmark
    public void pack() {
        format().quantise(values).close();
    }

    @Benchmark
    public void copy() {
        to.copyInPlace(from);
    }
}
