package dev.graft.cli;

import java.nio.file.Path;
import java.util.Optional;
import picocli.CommandLine.Option;
import picocli.CommandLine.Parameters;

/// The model a command works on: `MODEL [--adapter DIR] [--dtype D]`. A command takes it as a `@Mixin`.
final class ModelOptions {
    @Parameters(
            index = "0",
            paramLabel = "MODEL",
            description = "Folder of the model: config.json, tokenizer.json, *.safetensors.")
    private Path model;

    @Option(
            names = "--adapter",
            paramLabel = "DIR",
            description = "Folder of an adapter to put on it: adapter_config.json, adapter_model.safetensors.")
    private Path adapter;

    @Option(
            names = "--dtype",
            paramLabel = "TYPE",
            defaultValue = "auto",
            description = "Type to compute in: auto, float32 or bfloat16 (default: ${DEFAULT-VALUE}, the fastest here).")
    private Recipe.Precision dtype;

    Path model() {
        return model;
    }

    Optional<Path> adapter() {
        return Optional.ofNullable(adapter);
    }

    Recipe.Precision dtype() {
        return dtype;
    }
}
