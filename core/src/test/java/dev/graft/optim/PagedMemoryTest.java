package dev.graft.optim;

import static org.assertj.core.api.Assertions.assertThat;
import static org.assertj.core.api.Assertions.assertThatThrownBy;

import dev.graft.autograd.Parameter;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.io.IOException;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;
import org.junit.jupiter.params.ParameterizedTest;
import org.junit.jupiter.params.provider.MethodSource;

class PagedMemoryTest {
    @TempDir
    Path folder;

    static Stream<Moments> kinds() {
        return Stream.of(new Moments.Float32(), new Moments.EightBit(100));
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void stepsAndStateEqualThoseInMemoryBitForBit(Moments moments) {
        try (Scope scope = Scope.open();
                Run plain = new Run(moments, StateMemory.ofDevice());
                Run paged = new Run(moments, new PagedMemory(folder))) {
            for (int step = 0; step < 4; step++) {
                plain.step(step);
                paged.step(step);
            }
            assertThat(paged.bytes()).isEqualTo(plain.bytes());
            Map<String, byte[]> state = stateOf(paged.adam);
            stateOf(plain.adam)
                    .forEach((name, bytes) ->
                            assertThat(state.get(name)).as(name).isEqualTo(bytes));
        }
    }

    @ParameterizedTest
    @MethodSource("kinds")
    void stateLoadedIntoAFileGoesOnBitForBit(Moments moments) {
        try (Scope scope = Scope.open();
                Run straight = new Run(moments, StateMemory.ofDevice());
                Run resumed = new Run(moments, new PagedMemory(folder))) {
            straight.step(0);
            resumed.step(0);
            Map<String, Tensor> saved = new LinkedHashMap<>();
            straight.adam.state().forEach((name, tensor) -> saved.put(name, tensor.copy()));
            resumed.adam.load(1, name -> Optional.ofNullable(saved.get(name)));
            straight.step(1);
            resumed.step(1);
            assertThat(resumed.bytes()).isEqualTo(straight.bytes());
        }
    }

    @Test
    void nothingIsLeftInTheFolder() throws IOException {
        try (Scope scope = Scope.open();
                Run run = new Run(new Moments.Float32(), new PagedMemory(folder.resolve("new")))) {
            run.step(0);
        }
        try (Stream<Path> left = Files.list(folder.resolve("new"))) {
            assertThat(left).isEmpty();
        }
    }

    @Test
    void moreThanTheDiskHoldsIsASentenceBeforeTheFirstStep() {
        try (PagedMemory memory = new PagedMemory(folder)) {
            assertThatThrownBy(() -> memory.reserve(1L << 60))
                    .hasMessageContaining(folder.toString())
                    .hasMessageContaining("takes 1,152,921,504,607 MB")
                    .hasMessageContaining("MB are free")
                    .hasMessageContaining("--tmp");
        }
    }

    @Test
    void aFolderThatCannotBeIsASentence() throws IOException {
        Path file = Files.writeString(folder.resolve("file"), "");
        assertThatThrownBy(() -> new PagedMemory(file))
                .hasMessageContaining(file.toString())
                .hasMessageContaining("--tmp");
    }

    @Test
    void regionsAreZeroAndApart() {
        try (PagedMemory memory = new PagedMemory(folder)) {
            Tensor first = memory.zeros(DType.U8, Device.cpu(), 3);
            Tensor second = memory.zeros(DType.F32, Device.cpu(), 5);
            assertThat(second.toFloats()).containsOnly(0);
            second.fillInPlace(7);
            assertThat(first.toLongs()).containsExactly(0, 0, 0);
            assertThat(second.memory().address() % 4).isZero();
            first.release();
            second.release();
        }
    }

    /// Two parameters of awkward sizes, one of them too small for 8 bits.
    private static final class Run implements AutoCloseable {
        private final Parameter large = new Parameter("large", values(1037, 1), DType.F32);
        private final Parameter small = new Parameter("small", values(13, 2), DType.F32);
        private final AdamW adam;

        Run(Moments moments, StateMemory memory) {
            adam = new AdamW(
                    List.of(large, small),
                    AdamWSettings.defaults().withWeightDecay(0.1),
                    AdamW.everyParameter(),
                    moments,
                    memory);
        }

        void step(int number) {
            large.clearGradient();
            small.clearGradient();
            large.accumulate(values(1037, 3 + number));
            small.accumulate(values(13, 4 + number));
            adam.step(0.01, 0.5);
        }

        byte[] bytes() {
            return Tensor.cat(List.of(large.master(), small.master()), 0)
                    .memory()
                    .toArray(ValueLayout.JAVA_BYTE);
        }

        private static Tensor values(int size, double phase) {
            float[] values = new float[size];
            for (int i = 0; i < size; i++) {
                values[i] = (float) Math.sin(phase + i * phase);
            }
            return Tensor.of(values);
        }

        @Override
        public void close() {
            adam.close();
            large.close();
            small.close();
        }
    }

    private static Map<String, byte[]> stateOf(AdamW adam) {
        Map<String, byte[]> bytes = new LinkedHashMap<>();
        adam.state().forEach((name, tensor) -> bytes.put(name, tensor.memory().toArray(ValueLayout.JAVA_BYTE)));
        return bytes;
    }
}
