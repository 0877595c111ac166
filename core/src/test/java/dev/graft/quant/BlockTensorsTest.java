package dev.graft.quant;

import static org.assertj.core.api.Assertions.assertThat;

import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import java.lang.foreign.MemorySegment;
import java.util.Arrays;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.EnumSource;

/// Whole tensors of GGUF's block formats.
class BlockTensorsTest {
    @ParameterizedTest
    @EnumSource(names = {"F32", "BF16"})
    void aScaleThatIsNoNumberIsNotRoundedToOne(DType type) {
        byte[] block = new byte[SmallBlocks.Q8_0.bytes()];
        Arrays.fill(block, (byte) 0xff); // a damaged file: the scale is a NaN with all its bits set
        try (Scope scope = Scope.open()) {
            var decoded = BlockTensors.decoded(
                    SmallBlocks.Q8_0, MemorySegment.ofArray(block), new long[] {1, SmallBlocks.ELEMENTS}, type);
            assertThat(decoded.toFloats()).containsOnly(Float.NaN);
        }
    }
}
