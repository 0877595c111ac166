package dev.graft.data.input;

import com.github.luben.zstd.Zstd;
import java.io.ByteArrayInputStream;
import java.io.IOException;
import java.nio.ByteBuffer;
import java.util.zip.GZIPInputStream;
import org.apache.parquet.bytes.BytesInput;
import org.apache.parquet.compression.CompressionCodecFactory;
import org.apache.parquet.hadoop.metadata.CompressionCodecName;
import org.xerial.snappy.Snappy;

/// How the pages of Parquet files are decompressed, without Hadoop's codecs.
final class ParquetCodecs implements CompressionCodecFactory {

    /// Turns the bytes of a page into that many others.
    private interface Codec {
        byte[] decompressed(byte[] bytes, int size) throws IOException;
    }

    @Override
    public BytesInputDecompressor getDecompressor(CompressionCodecName name) {
        return new Decompressor(
                switch (name) {
                    case UNCOMPRESSED -> (bytes, size) -> bytes;
                    case SNAPPY -> (bytes, size) -> Snappy.uncompress(bytes);
                    case ZSTD -> Zstd::decompress;
                    case GZIP -> ParquetCodecs::gunzip;
                    default ->
                        throw new FileFault(
                                "is compressed with %s; read are UNCOMPRESSED, SNAPPY, ZSTD and GZIP. Write it again with one of them"
                                        .formatted(name));
                });
    }

    private static byte[] gunzip(byte[] bytes, int size) throws IOException {
        try (var in = new GZIPInputStream(new ByteArrayInputStream(bytes))) {
            return in.readNBytes(size);
        }
    }

    @Override
    public BytesInputCompressor getCompressor(CompressionCodecName name) {
        throw new UnsupportedOperationException("Parquet files are only read");
    }

    @Override
    public void release() {}

    private record Decompressor(Codec codec) implements BytesInputDecompressor {
        @Override
        public BytesInput decompress(BytesInput bytes, int size) throws IOException {
            byte[] result = codec.decompressed(bytes.toInputStream().readAllBytes(), size);
            if (result.length != size) {
                throw new IOException("a page of %d bytes holds %d".formatted(size, result.length));
            }
            return BytesInput.from(result);
        }

        @Override
        public void decompress(ByteBuffer input, int inputSize, ByteBuffer output, int size) throws IOException {
            byte[] bytes = new byte[inputSize];
            input.get(bytes);
            output.put(codec.decompressed(bytes, size), 0, size);
        }

        @Override
        public void release() {}
    }
}
