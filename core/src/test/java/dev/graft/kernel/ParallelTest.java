package dev.graft.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import dev.graft.tensor.Torch;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.Set;
import java.util.concurrent.ConcurrentHashMap;
import java.util.concurrent.CountDownLatch;
import java.util.concurrent.TimeUnit;
import java.util.concurrent.atomic.AtomicIntegerArray;
import org.junit.jupiter.api.AfterEach;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.ValueSource;

class ParallelTest {
    private final int threads = Torch.threads();

    @AfterEach
    void restore() {
        Torch.setThreads(threads);
    }

    @ParameterizedTest
    @ValueSource(ints = {0, 1, 7, 32, 33, 1000, 100_000})
    void everyRowIsWorkedOnOnce(int rows) {
        Torch.setThreads(3);
        AtomicIntegerArray visits = new AtomicIntegerArray(rows);
        Parallel.rows(rows, 10_000, (from, to) -> {
            for (long r = from; r < to; r++) {
                visits.incrementAndGet((int) r);
            }
        });
        for (int r = 0; r < rows; r++) {
            assertThat(visits.get(r)).isEqualTo(1);
        }
    }

    @Test
    void bigWorkIsSharedAndSmallWorkStaysWithTheCaller() {
        Torch.setThreads(2);
        Set<Thread> workers = ConcurrentHashMap.newKeySet();
        CountDownLatch bothThere = new CountDownLatch(2);
        Parallel.rows(100, 10_000, (from, to) -> {
            if (workers.add(Thread.currentThread())) {
                bothThere.countDown();
            }
            await(bothThere);
        });
        assertThat(workers).hasSize(2).contains(Thread.currentThread());

        workers.clear();
        Parallel.rows(100, 100, (from, to) -> workers.add(Thread.currentThread()));
        assertThat(workers).containsExactly(Thread.currentThread());
    }

    private static void await(CountDownLatch latch) {
        try {
            assertThat(latch.await(30, TimeUnit.SECONDS)).isTrue();
        } catch (InterruptedException e) {
            throw new AssertionError(e);
        }
    }

    @Test
    void aFailureReachesTheCallerAfterAllBlocksAreDone() {
        Torch.setThreads(2);
        assertThatThrownBy(() -> Parallel.rows(100, 10_000, (from, to) -> {
                    throw new IllegalStateException("block at " + from);
                }))
                .isInstanceOf(IllegalStateException.class)
                .hasMessageStartingWith("block at ");
    }

    @Test
    void anInterruptedCallerFinishesAndStaysInterrupted() {
        Torch.setThreads(2);
        AtomicIntegerArray visits = new AtomicIntegerArray(1);
        Thread.currentThread().interrupt();
        Parallel.rows(100, 10_000, (from, to) -> visits.addAndGet(0, (int) (to - from)));
        assertThat(Thread.interrupted()).isTrue();
        assertThat(visits.get(0)).isEqualTo(100);
    }

    @Test
    void resultsDoNotDependOnTheNumberOfThreads() {
        for (DType type : List.of(DType.F32, DType.BF16)) {
            List<float[]> one = everything(1, type);
            List<float[]> two = everything(2, type);
            List<float[]> five = everything(5, type);
            for (int i = 0; i < one.size(); i++) {
                assertThat(Arrays.equals(one.get(i), two.get(i)))
                        .as("%s result %d", type, i)
                        .isTrue();
                assertThat(Arrays.equals(one.get(i), five.get(i)))
                        .as("%s result %d", type, i)
                        .isTrue();
            }
        }
    }

    /// All kernels on inputs large enough to be shared.
    private static List<float[]> everything(int threads, DType type) {
        Torch.setThreads(threads);
        Kernels kernels = VectorKernels.instance();
        int rows = 150;
        int width = 1002;
        List<float[]> results = new ArrayList<>();
        try (Scope scope = Scope.open()) {
            Tensor x = wave(1.3, rows, width).to(type);
            Tensor y = wave(0.7, rows, width).to(type);
            Tensor gain = wave(0.2, width);
            var normed = kernels.rmsNorm(x, gain, 1e-5);
            results.add(normed.y().toFloats());
            results.add(kernels.rmsNormBackward(y, x, gain, normed.inverse()).toFloats());
            results.add(kernels.rmsNormGainGradient(y, x, normed.inverse()).toFloats());
            results.add(kernels.swiGlu(x, y).toFloats());
            var gated = kernels.swiGluBackward(y, x, y);
            results.add(gated.dGate().toFloats());
            results.add(gated.dUp().toFloats());
            Tensor angles = wave(2.1, rows, width / 6);
            Tensor turned = kernels.rope(x, 3, angles.cos(), angles.sin());
            results.add(turned.toFloats());
            results.add(kernels.ropeBackward(turned, angles.cos(), angles.sin()).toFloats());
            results.add(kernels.rowDot(x, y).toFloats());
            results.add(kernels.dropout(x, 0.1, 5).toFloats());
            addSoftmaxAndHead(kernels, x, y, results);
            Tensor p = wave(0.4, rows, width);
            Tensor m = wave(0.5, rows, width);
            Tensor v = wave(0.6, rows, width).square();
            kernels.adamWInPlace(
                    p, gain.expand(rows, width).contiguous(), m, v, new Kernels.AdamW(0.1, 0.9, 0.99, 1e-8, 0.1), 3, 1);
            results.add(p.toFloats());
        }
        return results;
    }

    private static void addSoftmaxAndHead(Kernels kernels, Tensor x, Tensor y, List<float[]> results) {
        int rows = (int) x.size(0);
        int width = (int) x.size(1);
        Tensor scores = x.copy().view(1, rows, width);
        Tensor sums = Tensor.empty(DType.F32, Device.cpu(), 1, rows);
        var ranges = new Kernels.Ranges(new int[] {0, 3, 500}, new int[] {width, 40, 900});
        kernels.rangeSoftmaxInPlace(scores, ranges, Kernels.Scoring.scaled(0.5), sums);
        results.add(scores.toFloats());
        results.add(sums.toFloats());
        Tensor raw = x.copy().view(1, rows, width);
        Tensor dP = y.copy().view(1, rows, width);
        kernels.rangeSoftmaxBackwardInPlace(raw, dP, ranges, Kernels.Scoring.scaled(0.5), sums, wave(0.9, 1, rows));
        results.add(dP.toFloats());
        Tensor targets = Tensor.arange(rows, Device.cpu());
        var head = kernels.logProbs(x, targets);
        results.add(head.values().toFloats());
        Tensor logits = x.copy();
        kernels.logProbsBackwardInPlace(logits, targets, head.logSumExp(), wave(0.8, rows));
        results.add(logits.toFloats());
    }

    private static Tensor wave(double frequency, long... shape) {
        int count = (int) Arrays.stream(shape).reduce(1, (a, b) -> a * b);
        float[] values = new float[count];
        for (int i = 0; i < count; i++) {
            values[i] = (float) (3 * Math.sin(frequency * i));
        }
        return Tensor.of(values, shape);
    }
}
