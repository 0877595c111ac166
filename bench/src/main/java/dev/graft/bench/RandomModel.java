package dev.graft.bench;

import dev.graft.format.SafetensorsWriter;
import dev.graft.tensor.DType;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.ByteOrder;
import java.nio.channels.WritableByteChannel;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.List;
import java.util.SplittableRandom;

/// Writes a model folder of a shape with random bfloat16 weights, so that benchmarks load what users
/// load, the way users load it.
///
/// ```text
/// java <graft's JVM options> -cp "bench/target/graft-bench.jar:bench/target/lib/*"
/// dev.graft.bench.RandomModel 0.5B|1B DIR
/// ```
public final class RandomModel {
    private static final double DEVIATION = 0.02;
    private static final int CHUNK_ELEMENTS = 1 << 20;

    private RandomModel() {}

    public static void main(String[] args) throws IOException {
        Path directory = Path.of(args[1]);
        Files.createDirectories(directory);
        Files.writeString(
                directory.resolve("config.json"), Shapes.named(args[0]).config());
        List<SafetensorsWriter.Part> parts = new ArrayList<>();
        Shapes.named(args[0]).tensors().forEach((name, shape) -> parts.add(part(name, shape)));
        SafetensorsWriter.write(directory.resolve("model.safetensors"), parts);
    }

    /// Ones for gains, normal numbers for matrices.
    private static SafetensorsWriter.Part part(String name, long[] shape) {
        long elements = Arrays.stream(shape).reduce(1, Math::multiplyExact);
        SplittableRandom random = new SplittableRandom(name.hashCode());
        return new SafetensorsWriter.Part(
                name, DType.BF16, shape, channel -> write(shape.length == 1 ? null : random, elements, channel));
    }

    private static void write(SplittableRandom random, long elements, WritableByteChannel channel) throws IOException {
        ByteBuffer bytes = ByteBuffer.allocateDirect(2 * CHUNK_ELEMENTS).order(ByteOrder.LITTLE_ENDIAN);
        for (long done = 0; done < elements; done += CHUNK_ELEMENTS) {
            bytes.clear();
            for (long i = Math.min(CHUNK_ELEMENTS, elements - done); i > 0; i--) {
                float value = random == null ? 1 : (float) (random.nextGaussian() * DEVIATION);
                bytes.putShort((short) (Float.floatToRawIntBits(value) >>> 16));
            }
            bytes.flip();
            while (bytes.hasRemaining()) {
                channel.write(bytes);
            }
        }
    }
}
