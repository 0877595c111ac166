package dev.graft.cli;

import dev.graft.format.AtomicFiles;
import dev.graft.format.SafetensorsWriter;
import dev.graft.format.SafetensorsWriter.Part;
import dev.graft.model.Architectures;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.peft.Adapters;
import dev.graft.peft.Lora;
import dev.graft.peft.Targets;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tokenizer.TinyTokenizer;
import dev.graft.tokenizer.Tokenizer;
import java.io.IOException;
import java.io.UncheckedIOException;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.List;

/// A whole model folder of a few kilobytes: random weights around the tokenizer of the tests, which chats.
final class TinyModel {
    static final int CONTEXT = 64;

    private TinyModel() {}

    static Path in(Path parent) {
        Path folder = folder(parent, "tiny-model");
        TinyTokenizer.copyTo(folder);
        try (Tokenizer tokenizer = Tokenizer.load(folder)) {
            AtomicFiles.writeString(folder.resolve("config.json"), """
                    {"model_type": "llama", "hidden_size": 16, "intermediate_size": 24, "num_hidden_layers": 2,
                     "num_attention_heads": 2, "num_key_value_heads": 1, "vocab_size": %d,
                     "max_position_embeddings": %d, "initializer_range": 0.4, "tie_word_embeddings": false}
                    """.formatted(tokenizer.vocabularySize(), CONTEXT));
        }
        try (LanguageModel model =
                Architectures.random(folder, LinearFactory.trainable(), Device.cpu(), DType.F32, 5)) {
            List<Part> parts = model.parameters().stream()
                    .map(p -> new Part(
                            p.name(), DType.F32, p.master().shape(), p.master().memory()))
                    .toList();
            SafetensorsWriter.write(folder.resolve("model.safetensors"), parts);
        }
        return folder;
    }

    /// An adapter for it that changes what it says.
    static Path adapterIn(Path parent, Path model) {
        Path folder = parent.resolve("tiny-adapter");
        var settings = new Lora(2, 8, 0, Targets.allLinear()).with(Lora.Init.RANDOM);
        var adapters = new Adapters(settings, 3);
        try (LanguageModel built =
                Architectures.load(model, adapters.over(LinearFactory.frozen()), Device.cpu(), DType.F32)) {
            adapters.save(folder, "tiny-model");
        }
        return folder;
    }

    private static Path folder(Path parent, String name) {
        try {
            return Files.createDirectory(parent.resolve(name));
        } catch (IOException e) {
            throw new UncheckedIOException(e);
        }
    }
}
