package dev.graft.format;

import static org.assertj.core.api.Assertions.assertThat;

import dev.graft.format.SafetensorsWriter.Part;
import dev.graft.tensor.DType;
import java.io.IOException;
import java.lang.foreign.Arena;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.file.Files;
import java.nio.file.Path;
import java.nio.file.attribute.FileTime;
import java.util.List;
import java.util.Map;
import java.util.stream.Stream;
import org.junit.jupiter.api.Test;
import org.junit.jupiter.api.io.TempDir;

class WeightHashTest {
    @TempDir
    Path folder;

    private static Part part(String name, float... values) {
        MemorySegment memory = Arena.ofAuto().allocateFrom(ValueLayout.JAVA_FLOAT, values);
        return new Part(name, DType.F32, new long[] {values.length}, memory);
    }

    private Path model(String name, Part... parts) throws IOException {
        Path model = Files.createDirectory(folder.resolve(name));
        SafetensorsWriter.write(model.resolve("model.safetensors"), List.of(parts));
        return model;
    }

    @Test
    void coversNamesTypesShapesAndBytesButNotTheirOrder() throws IOException {
        String hash = WeightHash.of(model("a", part("x", 1, 2), part("y", 3)));
        assertThat(hash).matches("[0-9a-f]{64}");
        assertThat(WeightHash.of(model("swapped", part("y", 3), part("x", 1, 2))))
                .isEqualTo(hash);
        assertThat(WeightHash.of(model("named", part("x", 1, 2), part("z", 3)))).isNotEqualTo(hash);
        assertThat(WeightHash.of(model("negated", part("x", 1, 2), part("y", -3))))
                .isNotEqualTo(hash);
        assertThat(WeightHash.of(model("cut", part("x", 1), part("y", 2, 3)))).isNotEqualTo(hash);
    }

    @Test
    void shardsAreTheSameModel() throws IOException {
        String hash = WeightHash.of(model("whole", part("x", 1, 2), part("y", 3)));
        Path sharded = Files.createDirectory(folder.resolve("sharded"));
        SafetensorsWriter.write(sharded.resolve("model-1.safetensors"), List.of(part("y", 3)));
        SafetensorsWriter.write(sharded.resolve("model-2.safetensors"), List.of(part("x", 1, 2)));
        AtomicFiles.writeString(
                sharded.resolve("model.safetensors.index.json"),
                Json.pretty(Map.of("weight_map", Map.of("x", "model-2.safetensors", "y", "model-1.safetensors"))));
        assertThat(WeightHash.of(sharded)).isEqualTo(hash);
    }

    @Test
    void ofAFileItIsWhatSha256sumPrints() throws IOException {
        Path file = Files.writeString(folder.resolve("model.gguf"), "abc");
        assertThat(WeightHash.of(file)).isEqualTo("ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
    }

    @Test
    void aKeptHashHoldsUntilAFileChanges() throws IOException {
        Path file = Files.writeString(folder.resolve("a.safetensors"), "one");
        Files.setLastModifiedTime(file, FileTime.fromMillis(1_000));
        Path cache = folder.resolve("cache");
        assertThat(new KeptHash(List.of(file), cache).orElse(() -> "first")).isEqualTo("first");
        assertThat(new KeptHash(List.of(file), cache).orElse(() -> "again")).isEqualTo("first");
        Files.setLastModifiedTime(file, FileTime.fromMillis(2_000));
        assertThat(new KeptHash(List.of(file), cache).orElse(() -> "second")).isEqualTo("second");
        Files.writeString(file, "longer");
        Files.setLastModifiedTime(file, FileTime.fromMillis(2_000));
        assertThat(new KeptHash(List.of(file), cache).orElse(() -> "third")).isEqualTo("third");
    }

    @Test
    void aKeptHashThatIsDamagedIsMadeAnew() throws IOException {
        Path file = Files.writeString(folder.resolve("a.safetensors"), "one");
        Path cache = folder.resolve("cache");
        new KeptHash(List.of(file), cache).orElse(() -> "first");
        Path kept;
        try (Stream<Path> files = Files.list(cache)) {
            kept = files.findFirst().orElseThrow();
        }
        String whole = Files.readString(kept);
        for (String damaged : List.of(whole.substring(0, whole.length() / 2), whole.replace("sha256", "sha"), "")) {
            Files.writeString(kept, damaged);
            assertThat(new KeptHash(List.of(file), cache).orElse(() -> "second"))
                    .isEqualTo("second");
            assertThat(new KeptHash(List.of(file), cache).orElse(() -> "third")).isEqualTo("second");
        }
    }

    @Test
    void aCacheThatCannotBeWrittenDoesNotStopAnybody() throws IOException {
        Path file = Files.writeString(folder.resolve("a.safetensors"), "one");
        Path inTheWay = Files.writeString(folder.resolve("cache"), "");
        assertThat(new KeptHash(List.of(file), inTheWay).orElse(() -> "hash")).isEqualTo("hash");
    }
}
