package dev.graft.export;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.graft.tensor.LinearAlgebra;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.util.List;
import java.util.SplittableRandom;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.CsvSource;

class AdapterFoldTest {
    private static Tensor random(long seed, long rows, long columns) {
        SplittableRandom random = new SplittableRandom(seed);
        float[] values = new float[(int) (rows * columns)];
        for (int i = 0; i < values.length; i++) {
            values[i] = (float) random.nextGaussian();
        }
        return Tensor.of(values, rows, columns);
    }

    /// ΔW = diag(3, 4) and 12 elsewhere: the best of rank 1 keeps 12, and leaves √(3² + 4²) = 5 of √(3²
    /// + 4² + 12²) = 13.
    @Test
    void leavesWhatAPencilSays() {
        try (Scope scope = Scope.open()) {
            Tensor delta = Tensor.of(new float[] {3, 0, 0, 0, 4, 0, 0, 0, 12}, 3, 3);
            AdapterFold fold = AdapterFold.ofMatrix(delta, 1);
            assertThat(fold.norm()).isCloseTo(13, within(1e-9));
            assertThat(fold.residual()).isCloseTo(5, within(1e-9));
            assertThat(fold.b().mm(fold.a()).toFloats())
                    .containsExactly(new float[] {0, 0, 0, 0, 0, 0, 0, 0, 12}, within(1e-6f));
        }
    }

    /// Through the factors and through the whole matrix, also where the ranks together exceed a side.
    @ParameterizedTest
    @CsvSource({"7, 5, 2, 3, 2", "33, 65, 4, 4, 3", "3, 40, 4, 5, 2", "64, 6, 8, 8, 5", "9, 9, 1, 1, 2", "4, 4, 1, 2, 4"
    })
    void factorsGiveWhatTheWholeMatrixGives(int out, int in, int r1, int r2, int rank) {
        try (Scope scope = Scope.open()) {
            List<Tensor> as = List.of(random(1, r1, in), random(2, r2, in));
            List<Tensor> bs = List.of(random(3, out, r1), random(4, out, r2));
            Tensor delta = bs.get(0).mm(as.get(0)).add(bs.get(1).mm(as.get(1)));
            AdapterFold thin = AdapterFold.ofFactors(as, bs, rank);
            AdapterFold whole = AdapterFold.ofMatrix(delta, rank);
            assertThat(thin.a().shape()).containsExactly(rank, in);
            assertThat(thin.b().shape()).containsExactly(out, rank);
            assertThat(thin.norm()).isCloseTo(delta.norm(), within(1e-4 * delta.norm()));
            assertThat(thin.residual()).isCloseTo(whole.residual(), within(1e-5 * whole.norm()));
            Tensor approximation = thin.b().mm(thin.a());
            assertThat(approximation.sub(delta).norm()).isCloseTo(thin.residual(), within(1e-5 * delta.norm()));
            assertThat(approximation.sub(whole.b().mm(whole.a())).norm()).isLessThan(1e-4 * delta.norm());
        }
    }

    @Test
    void aRankThatHoldsItAllLeavesNothing() {
        try (Scope scope = Scope.open()) {
            AdapterFold fold = AdapterFold.ofFactors(List.of(random(1, 2, 6)), List.of(random(2, 5, 2)), 4);
            assertThat(fold.residual()).isLessThan(1e-12 * fold.norm());
            assertThat(fold.a().narrow(0, 2, 2).norm()).isZero();
        }
    }

    @Test
    void factorisationsMultiplyBackToTheirMatrix() {
        try (Scope scope = Scope.open()) {
            Tensor matrix = random(5, 7, 4);
            LinearAlgebra.Qr qr = LinearAlgebra.qr(matrix);
            assertThat(qr.q().mm(qr.r()).sub(matrix).norm()).isLessThan(1e-5);
            assertThat(qr.q().t().mm(qr.q()).toFloats()[1]).isCloseTo(0, within(1e-6f));
            LinearAlgebra.Svd svd = LinearAlgebra.svd(matrix);
            assertThat(svd.u()
                            .mul(svd.s().unsqueeze(0))
                            .mm(svd.vt())
                            .sub(matrix)
                            .norm())
                    .isLessThan(1e-5);
            assertThat(svd.s().select(0, 0).item())
                    .isGreaterThan(svd.s().select(0, 3).item());
        }
    }
}
