package dev.graft.tensor;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;
import static org.assertj.core.api.Assertions.within;

import java.lang.foreign.Arena;
import java.lang.foreign.ValueLayout;
import java.util.List;
import org.junit.jupiter.api.Test;

class TensorTest {
    @Test
    void productsAreWhatAPencilSays() {
        try (Scope scope = Scope.open()) {
            Tensor a = Tensor.of(new float[] {1, 2, 3, 4}, 2, 2);
            Tensor b = Tensor.of(new float[] {5, 6, 7, 8}, 2, 2);
            assertThat(a.mm(b).toFloats()).containsExactly(19, 22, 43, 50);
            assertThat(a.mm(b.t()).toFloats()).containsExactly(17, 23, 39, 53);
            assertThat(a.copy().addmmInPlace(a, b, 0.5).toFloats()).containsExactly(10.5f, 13, 24.5f, 29);
        }
    }

    @Test
    void aKeptTensorOutlivesItsScopeAndOthersDoNot() {
        try (Scope outer = Scope.open()) {
            Tensor kept;
            Tensor lost;
            try (Scope inner = Scope.open()) {
                kept = inner.keep(Tensor.of(new float[] {7}));
                lost = Tensor.of(new float[] {8});
            }
            assertThat(kept.item()).isEqualTo(7);
            assertThatThrownBy(lost::item)
                    .isInstanceOf(IllegalStateException.class)
                    .hasMessageContaining("freed");
        }
    }

    @Test
    void aRetainedTensorLivesUntilItsRelease() {
        Tensor held;
        try (Scope scope = Scope.open()) {
            held = Tensor.of(new float[] {1, 2}).retain();
        }
        assertThat(held.toFloats()).containsExactly(1, 2);
        held.release();
        assertThatThrownBy(held::retain).isInstanceOf(IllegalStateException.class);
    }

    @Test
    void misuseOfScopesIsAnError() {
        Scope outer = Scope.open();
        Scope inner = Scope.open();
        assertThatThrownBy(outer::close).hasMessageContaining("inner scope");
        inner.close();
        assertThatThrownBy(inner::close).hasMessageContaining("closed already");
        outer.close();
        assertThatThrownBy(() -> Tensor.of(new float[] {1})).hasMessageContaining("no Scope is open");
    }

    @Test
    void aTensorOverMemoryCopiesNothing() {
        try (Arena arena = Arena.ofConfined();
                Scope scope = Scope.open()) {
            var memory = arena.allocate(12, 4);
            Tensor tensor = Tensor.over(memory, DType.F32, 3);
            memory.setAtIndex(ValueLayout.JAVA_FLOAT, 1, 5f);
            assertThat(tensor.toFloats()).containsExactly(0, 5, 0);
            assertThatThrownBy(() -> Tensor.over(memory, DType.F32, 4)).hasMessageContaining("16 bytes");
        }
    }

    @Test
    void typesConvertAndReport() {
        try (Scope scope = Scope.open()) {
            for (DType type : DType.values()) {
                Tensor tensor = Tensor.of(new float[] {0, 1, 1}).to(type);
                assertThat(tensor.dtype()).isEqualTo(type);
                assertThat(tensor.bytes()).isEqualTo(3L * type.bytes());
                assertThat(tensor.toFloats()).containsExactly(0, 1, 1);
            }
        }
    }

    @Test
    void libtorchGradientsReachLeaves() {
        try (Scope scope = Scope.open()) {
            Tensor x = Tensor.of(new float[] {1, 2, 3}).leaf();
            x.square().sum().backward(Tensor.of(new float[] {1}).reshape());
            assertThat(x.grad().orElseThrow().toFloats()).containsExactly(2, 4, 6);
        }
    }

    @Test
    void topkAndFriendsFindWhatIsThere() {
        try (Scope scope = Scope.open()) {
            Tensor x = Tensor.of(new float[] {3, 9, 5});
            var top = x.topk(2);
            assertThat(top.values().toFloats()).containsExactly(9, 5);
            assertThat(top.indices().toLongs()).containsExactly(1, 2);
            assertThat(x.argmax(0).item()).isEqualTo(1);
            assertThat(x.allFinite()).isTrue();
            assertThat(x.copy().mulInPlace(Double.NaN).allFinite()).isFalse();
            assertThat(x.norm()).isCloseTo(Math.sqrt(9 + 81 + 25), within(1e-5));
            assertThat(Tensor.cat(List.of(x, x), 0).elements()).isEqualTo(6);
        }
    }

    @Test
    void anEmptyTensorHasNoElements() {
        try (Scope scope = Scope.open()) {
            assertThat(Tensor.of(new int[0]).toLongs()).isEmpty();
            assertThat(Tensor.of(new float[0]).shape()).containsExactly(0);
            assertThat(Tensor.of(new float[0]).memory().byteSize()).isZero();
        }
    }

    @Test
    void versionsAreKnown() {
        assertThat(Torch.version()).startsWith("2.");
        assertThat(Torch.bestComputeType(Device.cpu())).isIn(DType.BF16, DType.F32);
    }

    @Test
    void threadsOfMatrixProductsCanBeSet() {
        assertThat(Torch.setBlasThreads(1)).isTrue();
        assertThat(Torch.setBlasThreads(Torch.threads())).isTrue();
        assertThatThrownBy(() -> Torch.setBlasThreads(0)).hasMessageContaining("1 or more");
    }
}
