package dev.graft.export;

import com.fasterxml.jackson.databind.JsonNode;
import com.fasterxml.jackson.databind.ObjectMapper;
import dev.graft.format.FormatException;
import dev.graft.format.Json;
import dev.graft.tensor.DType;
import dev.graft.tensor.Scope;
import dev.graft.tensor.Tensor;
import java.io.BufferedOutputStream;
import java.io.IOException;
import java.io.InputStream;
import java.io.UncheckedIOException;
import java.lang.foreign.MemorySegment;
import java.lang.foreign.ValueLayout;
import java.nio.charset.StandardCharsets;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.Arrays;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.zip.Deflater;
import java.util.zip.ZipEntry;
import java.util.zip.ZipFile;
import java.util.zip.ZipOutputStream;

/// What a merge took away, kept beside the merged model so that the base can be had back bit for bit:
/// for each tensor the exclusive or of the base's bits with the merged ones, compressed. No arithmetic
/// that another machine might do in another order is needed to undo it.
///
/// ```text
/// unmerge.zip
///   manifest.json     format, hash of the base's weights, tensors it did not have, types that were changed
///   config.json       of the base
///   tensors/NAME      base ⊕ merged, in pieces of 2²⁰ elements: first all lowest bytes of a piece, then
///   the next …
/// ```
///
/// A tensor without an entry was not changed. It is a zip and no safetensors file because some programs
/// load every `*.safetensors` of a folder.
final class KeptDelta {
    static final String FILE = "unmerge.zip";
    private static final int FORMAT = 1;
    private static final int PIECE = 1 << 20;

    private KeptDelta() {}

    /// Collects while the merged model is written.
    static final class Writer implements AutoCloseable {
        private final Path file;
        private final ZipOutputStream zip;
        private final Map<String, String> types = new LinkedHashMap<>();
        private final List<String> added = new ArrayList<>();

        Writer(Path folder) {
            file = folder.resolve(FILE);
            try {
                zip = new ZipOutputStream(new BufferedOutputStream(Files.newOutputStream(file), 1 << 20));
                zip.setLevel(Deflater.BEST_SPEED);
            } catch (IOException e) {
                throw failed(file, e);
            }
        }

        /// A tensor that the base does not have.
        void addedTensor(String name) {
            added.add(name);
        }

        /// @param base   as stored
        /// @param merged as saved
        void add(String name, Tensor base, Tensor merged) {
            if (base.dtype() != merged.dtype()) {
                types.put(name, base.dtype().name());
            }
            if (base == merged) {
                return;
            }
            boolean begun = false;
            try {
                for (long from = 0; from < base.elements(); from += PIECE) {
                    byte[] piece = difference(base, merged, from);
                    if (!begun && !isZero(piece)) {
                        zip.putNextEntry(new ZipEntry("tensors/" + name));
                        begun = true;
                        for (long before = 0; before < from; before += PIECE) {
                            zip.write(new byte[PIECE * base.dtype().bytes()]);
                        }
                    }
                    if (begun) {
                        zip.write(piece);
                    }
                }
                if (begun) {
                    zip.closeEntry();
                }
            } catch (IOException e) {
                throw failed(file, e);
            }
        }

        /// @param weights hash of the base's
        void finish(String weights, Path baseConfig) {
            Map<String, Object> manifest = new LinkedHashMap<>();
            manifest.put("format", FORMAT);
            manifest.put("weights_sha256", weights);
            manifest.put("added", added);
            manifest.put("types", types);
            try {
                text("manifest.json", Json.pretty(manifest));
                text("config.json", Files.readString(baseConfig));
            } catch (IOException e) {
                throw failed(file, e);
            }
        }

        private void text(String name, String content) throws IOException {
            zip.putNextEntry(new ZipEntry(name));
            zip.write(content.getBytes(StandardCharsets.UTF_8));
            zip.closeEntry();
        }

        @Override
        public void close() {
            try {
                zip.close();
            } catch (IOException e) {
                throw failed(file, e);
            }
        }
    }

    /// The kept differences of a merged model.
    static final class Reader implements AutoCloseable {
        private final Path file;
        private final ZipFile zip;
        private final JsonNode manifest;

        Reader(Path folder) {
            file = folder.resolve(FILE);
            try {
                zip = new ZipFile(file.toFile());
            } catch (IOException e) {
                throw failed(file, e);
            }
            try {
                manifest = new ObjectMapper().readTree(text("manifest.json"));
                if (manifest.path("format").asInt() != FORMAT) {
                    throw new FormatException(
                            file,
                            "format is " + manifest.path("format"),
                            String.valueOf(FORMAT),
                            "A newer Graft wrote it: use that one.");
                }
            } catch (IOException e) {
                close();
                throw failed(file, e);
            } catch (RuntimeException e) {
                close();
                throw e;
            }
        }

        String weights() {
            return manifest.path("weights_sha256").asText();
        }

        boolean isAdded(String name) {
            for (JsonNode one : manifest.path("added")) {
                if (one.asText().equals(name)) {
                    return true;
                }
            }
            return false;
        }

        String baseConfig() {
            return text("config.json");
        }

        /// Type of a tensor of the base.
        DType type(String name, DType merged) {
            JsonNode type = manifest.path("types").path(name);
            if (type.isMissingNode()) {
                return merged;
            }
            return Arrays.stream(DType.values())
                    .filter(known -> known.name().equals(type.asText()))
                    .findFirst()
                    .orElseThrow(() -> new FormatException(
                            file,
                            "it gives %s the type %s".formatted(name, type),
                            "one of " + Arrays.toString(DType.values()),
                            "Merge again."));
        }

        /// The base's tensor.
        Tensor restored(String name, Tensor merged) {
            DType type = type(name, merged.dtype());
            Tensor base = merged.to(type).copy();
            ZipEntry entry = zip.getEntry("tensors/" + name);
            if (entry == null) {
                return base;
            }
            try (InputStream in = zip.getInputStream(entry)) {
                for (long from = 0; from < base.elements(); from += PIECE) {
                    int count = (int) Math.min(PIECE, base.elements() - from);
                    byte[] planes = in.readNBytes(count * type.bytes());
                    if (planes.length < count * type.bytes()) {
                        throw new FormatException(
                                file, "tensors/" + name + " ends early", "one piece after another", "Merge again.");
                    }
                    apply(base, planes, from, count);
                }
            } catch (IOException e) {
                throw failed(file, e);
            }
            return base;
        }

        private static void apply(Tensor base, byte[] planes, long from, int count) {
            int bytes = base.dtype().bytes();
            MemorySegment memory = base.memory();
            for (int i = 0; i < count; i++) {
                for (int plane = 0; plane < bytes; plane++) {
                    long at = (from + i) * bytes + plane;
                    byte bits = memory.get(ValueLayout.JAVA_BYTE, at);
                    memory.set(ValueLayout.JAVA_BYTE, at, (byte) (bits ^ planes[plane * count + i]));
                }
            }
        }

        private String text(String name) {
            ZipEntry entry = zip.getEntry(name);
            if (entry == null) {
                throw new FormatException(
                        file, "it has no " + name, "what graft merge --keep-delta writes", "Merge again.");
            }
            try (InputStream in = zip.getInputStream(entry)) {
                return new String(in.readAllBytes(), StandardCharsets.UTF_8);
            } catch (IOException e) {
                throw failed(file, e);
            }
        }

        @Override
        public void close() {
            try {
                zip.close();
            } catch (IOException e) {
                throw failed(file, e);
            }
        }
    }

    private static byte[] difference(Tensor base, Tensor merged, long from) {
        int count = (int) Math.min(PIECE, base.elements() - from);
        int bytes = base.dtype().bytes();
        byte[] planes = new byte[count * bytes];
        try (Scope scope = Scope.open()) {
            Tensor converted = merged.reshape(-1).narrow(0, from, count).to(base.dtype());
            MemorySegment theirs = converted.contiguous().memory();
            MemorySegment ours = base.memory().asSlice(from * bytes, (long) count * bytes);
            for (int i = 0; i < count; i++) {
                for (int plane = 0; plane < bytes; plane++) {
                    long at = (long) i * bytes + plane;
                    planes[plane * count + i] =
                            (byte) (ours.get(ValueLayout.JAVA_BYTE, at) ^ theirs.get(ValueLayout.JAVA_BYTE, at));
                }
            }
        }
        return planes;
    }

    private static boolean isZero(byte[] bytes) {
        for (byte one : bytes) {
            if (one != 0) {
                return false;
            }
        }
        return true;
    }

    private static UncheckedIOException failed(Path file, IOException e) {
        return new UncheckedIOException("%s: %s".formatted(file, e.getMessage()), e);
    }
}
