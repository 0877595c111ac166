package dev.graft.format;

import static dev.graft.format.FormatException.quote;

import java.io.IOException;
import java.nio.ByteBuffer;
import java.nio.channels.FileChannel;
import java.nio.channels.WritableByteChannel;

/// A channel that takes as many bytes as a tensor has, no more and no fewer.
final class ExactChannel implements WritableByteChannel {
    private final String tensor;
    private final long bytes;
    private final FileChannel channel;
    private long missing;

    private ExactChannel(String tensor, long bytes, FileChannel channel) {
        this.tensor = tensor;
        this.bytes = bytes;
        this.channel = channel;
        this.missing = bytes;
    }

    /// Lets a source write the bytes of its tensor.
    ///
    /// @throws IllegalStateException when it writes more or fewer
    static void write(String tensor, long bytes, SafetensorsWriter.Source source, FileChannel channel)
            throws IOException {
        ExactChannel target = new ExactChannel(tensor, bytes, channel);
        source.writeTo(target);
        if (target.missing > 0) {
            throw new IllegalStateException("the source of tensor %s wrote %,d of its %,d bytes"
                    .formatted(quote(tensor), bytes - target.missing, bytes));
        }
    }

    @Override
    public int write(ByteBuffer bytes) throws IOException {
        int count = bytes.remaining();
        if (count > missing) {
            throw new IllegalStateException(
                    "the source of tensor %s writes more than its %,d bytes".formatted(quote(tensor), this.bytes));
        }
        SafetensorsWriter.writeFully(bytes, channel);
        missing -= count;
        return count;
    }

    @Override
    public boolean isOpen() {
        return channel.isOpen();
    }

    /// The file goes on with the next tensor.
    @Override
    public void close() {}
}
