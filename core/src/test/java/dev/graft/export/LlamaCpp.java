package dev.graft.export;

import de.kherud.llama.InferenceParameters;
import de.kherud.llama.LlamaModel;
import de.kherud.llama.ModelParameters;
import de.kherud.llama.args.CacheType;
import de.kherud.llama.args.LogFormat;
import de.kherud.llama.args.PoolingType;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/// llama.cpp itself, which owns the format: what it makes of a file.
final class LlamaCpp {
    static {
        try { // its library is unpacked there; the usual place is shared by all who use it
            Path unpacked = Files.createTempDirectory("graft-llama");
            unpacked.toFile().deleteOnExit();
            System.setProperty("de.kherud.llama.tmpdir", unpacked.toString());
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
        LlamaModel.setLogger(LogFormat.TEXT, (_, _) -> {});
    }

    private LlamaCpp() {}

    private static ModelParameters parameters(Path file, Optional<Path> adapter) {
        ModelParameters parameters = new ModelParameters()
                .setModel(file.toString())
                .setCtxSize(256)
                .setThreads(1)
                .setThreadsBatch(1)
                .setCacheTypeK(CacheType.F32)
                .setCacheTypeV(CacheType.F32)
                .disableLog()
                .skipWarmup();
        adapter.ifPresent(path -> parameters.addLoraAdapter(path.toString()));
        return parameters;
    }

    /// Token ids of a text, without those that are put around it.
    static int[] ids(Path file, String text) {
        try (LlamaModel model = new LlamaModel(parameters(file, Optional.empty()))) {
            return model.encode(text);
        }
    }

    /// What follows a prompt, the likeliest token each time.
    static String greedy(Path file, Optional<Path> adapter, String prompt, int tokens) {
        try (LlamaModel model = new LlamaModel(parameters(file, adapter))) {
            return model.complete(new InferenceParameters(prompt)
                    .setNPredict(tokens)
                    .setTemperature(0)
                    .setTopK(1));
        }
    }

    /// The hidden state of a text's last token after the last norm, scaled to length one. (This binding
    /// applies no adapter here.)
    static float[] lastHidden(Path file, String text) {
        try (LlamaModel model = new LlamaModel(
                parameters(file, Optional.empty()).enableEmbedding().setPoolingType(PoolingType.LAST))) {
            return model.embed(text);
        }
    }
}
