package dev.graft.bench;

import dev.graft.kernel.Kernels;
import dev.graft.kernel.PlainKernels;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.Random;
import java.util.concurrent.TimeUnit;
import java.util.stream.IntStream;
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

/// Each kernel with either body, and the time a memory copy of the bytes it must read and write takes;
/// shapes are those of Qwen2.5-0.5B at 1024 tokens, in bfloat16.
///
/// ```
/// java -cp 'bench/target/graft-bench.jar:bench/target/lib/*' org.openjdk.jmh.Main KernelBenchmark
/// ```
@State(org.openjdk.jmh.annotations.Scope.Thread)
@BenchmarkMode(Mode.SampleTime)
@OutputTimeUnit(TimeUnit.MILLISECONDS)
@Warmup(iterations = 3, time = 2)
@Measurement(iterations = 3, time = 1)
@Fork(
        value = 1,
        jvmArgsAppend = {"--add-modules=jdk.incubator.vector", "--enable-native-access=ALL-UNNAMED", "-Xmx2g"})
public class KernelBenchmark {
    /// One kernel's inputs and its call.
    private interface Work {
        void run(Kernels kernels);
    }

    /// The kernel, and how many bytes it reads and writes together.
    private record Subject(long bytes, Work work) {}

    @Param({
        "swiGlu",
        "swiGluBackward",
        "rmsNorm",
        "rmsNormBackward",
        "rmsNormGainGradient",
        "rope",
        "ropeBackward",
        "rangeSoftmax",
        "rangeSoftmaxBackward",
        "rowDot",
        "logProbs",
        "logProbsBackward",
        "dropout",
        "adamW"
    })
    public String kernel;

    private final Random random = new Random(1);
    private Scope outer;
    private Subject subject;
    private Tensor source;
    private Tensor target;

    @Setup(Level.Trial)
    public void setUp() {
        outer = Scope.open();
        subject = subject();
        source = Tensor.zeros(DType.U8, Device.cpu(), subject.bytes() / 2);
        target = Tensor.zeros(DType.U8, Device.cpu(), subject.bytes() / 2);
    }

    @TearDown(Level.Trial)
    public void tearDown() {
        outer.close();
    }

    @Benchmark
    public void vector() {
        run(Kernels.of(Device.cpu()));
    }

    @Benchmark
    public void plain() {
        run(PlainKernels.INSTANCE);
    }

    @Benchmark
    public void copy() {
        target.copyInPlace(source);
    }

    private void run(Kernels kernels) {
        try (Scope scope = Scope.open()) {
            subject.work().run(kernels);
        }
    }

    private Subject subject() {
        return switch (kernel) {
            case "swiGlu", "swiGluBackward" -> gated();
            case "rmsNorm", "rmsNormBackward", "rmsNormGainGradient" -> norm();
            case "rope", "ropeBackward" -> rotary();
            case "rangeSoftmax", "rangeSoftmaxBackward" -> softmax();
            case "rowDot" -> {
                Tensor a = normal(14, 1024, 64);
                Tensor b = normal(14, 1024, 64);
                yield new Subject(2 * a.bytes(), k -> k.rowDot(a, b));
            }
            case "logProbs", "logProbsBackward" -> head();
            case "dropout" -> {
                Tensor x = normal(1024, 896);
                yield new Subject(2 * x.bytes(), k -> k.dropout(x, 0.05, 1));
            }
            case "adamW" -> {
                long n = 10_000_000;
                Tensor p = Tensor.full(1, DType.F32, Device.cpu(), n);
                Tensor g = p.copy();
                Tensor m = p.copy();
                Tensor v = p.copy();
                var settings = new Kernels.AdamW(1e-3, 0.9, 0.999, 1e-8, 0.01);
                yield new Subject(7 * p.bytes(), k -> k.adamWInPlace(p, g, m, v, settings, 10, 1));
            }
            default -> throw new IllegalArgumentException("kernel is \"" + kernel + "\"");
        };
    }

    private Subject gated() {
        Tensor gate = normal(1024, 4864);
        Tensor up = normal(1024, 4864);
        Tensor dY = normal(1024, 4864);
        return kernel.equals("swiGlu")
                ? new Subject(3 * gate.bytes(), k -> k.swiGlu(gate, up))
                : new Subject(5 * gate.bytes(), k -> k.swiGluBackward(dY, gate, up));
    }

    private Subject norm() {
        Tensor x = normal(1024, 896);
        Tensor dY = normal(1024, 896);
        Tensor gain = normal(896);
        Tensor inverse = PlainKernels.INSTANCE.rmsNorm(x, gain, 1e-6).inverse();
        return switch (kernel) {
            case "rmsNorm" -> new Subject(2 * x.bytes(), k -> k.rmsNorm(x, gain, 1e-6));
            case "rmsNormBackward" -> new Subject(3 * x.bytes(), k -> k.rmsNormBackward(dY, x, gain, inverse));
            default -> new Subject(2 * x.bytes(), k -> k.rmsNormGainGradient(dY, x, inverse));
        };
    }

    private Subject rotary() {
        Tensor x = normal(1024, 896);
        Tensor dY = normal(14, 1024, 64);
        Tensor cos = normal(1024, 32).to(DType.F32);
        Tensor sin = normal(1024, 32).to(DType.F32);
        return kernel.equals("rope")
                ? new Subject(2 * x.bytes(), k -> k.rope(x, 14, cos, sin))
                : new Subject(2 * x.bytes(), k -> k.ropeBackward(dY, cos, sin));
    }

    /// The last block of 256 queries of 1024 causal ones: all 14 heads see 769 … 1024 columns.
    private Subject softmax() {
        int[] end = IntStream.rangeClosed(769, 1024).toArray();
        var ranges = new Kernels.Ranges(new int[256], end);
        Tensor scores = normal(14, 256, 1024);
        Tensor dP = normal(14, 256, 1024);
        Tensor sums = Tensor.full(7, DType.F32, Device.cpu(), 14, 256);
        // In place: run after run the numbers settle near 0 and 1/columns, which costs the same time.
        return kernel.equals("rangeSoftmax")
                ? new Subject(
                        2 * scores.bytes(),
                        k -> k.rangeSoftmaxInPlace(scores, ranges, Kernels.Scoring.scaled(0.125), sums))
                : new Subject(
                        4 * scores.bytes(),
                        k -> k.rangeSoftmaxBackwardInPlace(
                                scores, dP, ranges, Kernels.Scoring.scaled(0.125), sums, sums));
    }

    private Subject head() {
        Tensor logits = normal(256, 151_936);
        Tensor targets = Tensor.arange(256, Device.cpu());
        Tensor sums = Tensor.full(12, DType.F32, Device.cpu(), 256);
        Tensor weights = Tensor.full(1, DType.F32, Device.cpu(), 256);
        return kernel.equals("logProbs")
                ? new Subject(logits.bytes(), k -> k.logProbs(logits, targets))
                : new Subject(2 * logits.bytes(), k -> k.logProbsBackwardInPlace(logits, targets, sums, weights));
    }

    private Tensor normal(long... shape) {
        long count = 1;
        for (long size : shape) {
            count *= size;
        }
        float[] values = new float[(int) count];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensor.of(values, shape).to(DType.BF16);
    }
}
