package dev.graft.kernel;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.within;

import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import org.junit.jupiter.api.Test;

class KernelsTest {
    private final Kernels kernels = Kernels.of(Device.cpu());

    @Test
    void rmsNormDividesByTheRootMeanSquare() {
        try (Scope scope = Scope.open()) {
            // mean square of (1, 7) is 25
            var normed = kernels.rmsNorm(Tensor.of(new float[] {1, 7}, 1, 2), Tensor.of(new float[] {1, 2}), 0);
            assertThat(normed.y().toFloats()).containsExactly(new float[] {0.2f, 2.8f}, within(1e-6f));
            assertThat(normed.inverse().toFloats()).containsExactly(new float[] {0.2f}, within(1e-6f));
        }
    }

    @Test
    void rangeSoftmaxIgnoresWhatLiesOutsideTheRange() {
        try (Scope scope = Scope.open()) {
            Tensor scores = Tensor.of(new float[] {9, 1, 1, 9, 0, 0, 0, 0}, 1, 2, 4);
            Tensor sums = Tensor.of(new float[2], 1, 2);
            kernels.rangeSoftmaxInPlace(scores, new Kernels.Ranges(new int[] {1, 0}, new int[] {3, 4}), 1, sums);
            assertThat(scores.toFloats())
                    .containsExactly(new float[] {0, 0.5f, 0.5f, 0, 0.25f, 0.25f, 0.25f, 0.25f}, within(1e-6f));
            assertThat(sums.toFloats())
                    .containsExactly(new float[] {(float) (1 + Math.log(2)), (float) Math.log(4)}, within(1e-6f));
        }
    }
}
