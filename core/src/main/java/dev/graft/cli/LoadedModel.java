package dev.graft.cli;

import dev.graft.format.AdapterWeights;
import dev.graft.format.FormatException;
import dev.graft.model.Architectures;
import dev.graft.model.LanguageModel;
import dev.graft.nn.LinearFactory;
import dev.graft.peft.Adapters;
import dev.graft.quant.Int8Head;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tokenizer.ChatTemplate;
import dev.graft.tokenizer.Tokenizer;
import java.nio.file.Files;
import java.nio.file.Path;
import java.util.Optional;

/// The model of a command line, ready to run: weights, adapter and tokenizer, freed together.
final class LoadedModel implements AutoCloseable {
    private final Path directory;
    private final LanguageModel model;
    private final Optional<ChatTemplate> chosen;
    private final Optional<ChatTemplate> ofAdapter;
    private Tokenizer tokenizer;

    private LoadedModel(
            Path directory, LanguageModel model, Optional<ChatTemplate> chosen, Optional<ChatTemplate> ofAdapter) {
        this.directory = directory;
        this.model = model;
        this.chosen = chosen;
        this.ofAdapter = ofAdapter;
    }

    /// Loads what `MODEL [--adapter DIR] [--dtype D]` name, on the card where there is one.
    static LoadedModel of(ModelOptions options) {
        return of(options, Optional.empty());
    }

    /// The same with another chat template than that of the adapter or the model.
    static LoadedModel of(ModelOptions options, Optional<ChatTemplate> chosen) {
        requireModel(options.model());
        options.adapter().ifPresent(LoadedModel::requireAdapter);
        Optional<ChatTemplate> ofAdapter = options.adapter().flatMap(ChatTemplate::in);
        options.adapter()
                .ifPresent(adapter ->
                        AdapterOrigin.require(adapter, options.model(), chosen.or(() -> ofAdapter), options.force()));
        Device device = Precisions.device();
        DType dtype = Precisions.toCompute(options.dtype(), device);
        Optional<Adapters> adapters = options.adapter().map(Adapters::read);
        LinearFactory layers = options.quantization().frozen(options.model());
        LinearFactory frozen = options.int8Head() ? new Int8Head(layers) : layers;
        LinearFactory factory = adapters.map(a -> a.over(frozen)).orElse(frozen);
        LanguageModel model = Architectures.load(options.model(), factory, device, dtype);
        try {
            adapters.ifPresent(a -> a.load(options.adapter().orElseThrow()));
            return new LoadedModel(options.model(), model, chosen, ofAdapter);
        } catch (RuntimeException | Error e) {
            model.close();
            throw e;
        }
    }

    private static void requireModel(Path directory) {
        if (AdapterWeights.isFolder(directory)) {
            throw new FormatException(
                    directory,
                    "this is an adapter",
                    "the folder of a model",
                    "Give its base model as MODEL and this folder with --adapter.");
        }
    }

    private static void requireAdapter(Path directory) {
        Path inside = directory.resolve("adapter");
        if (!Files.exists(directory.resolve(AdapterWeights.CONFIG)) && Files.isDirectory(inside)) {
            throw new FormatException(
                    directory,
                    "there is no adapter_config.json in it",
                    "the folder of an adapter",
                    "Its folder \"adapter\" may be meant: --adapter " + inside);
        }
    }

    LanguageModel model() {
        return model;
    }

    /// The tokenizer beside the weights, read when it is first asked for: token ids can be scored
    /// without one.
    Tokenizer tokenizer() {
        if (tokenizer == null) {
            tokenizer =
                    chosen.isPresent() ? Templates.tokenizer(directory, chosen) : Tokenizer.load(directory, ofAdapter);
        }
        return tokenizer;
    }

    /// What is wrong with these ids for this model; empty when each is in its vocabulary.
    Optional<String> unknownId(int[] ids) {
        for (int id : ids) {
            if (id < 0 || id >= model.vocabularySize()) {
                return Optional.of("the token id %d is not in the vocabulary of this model, which goes from 0 to %d"
                        .formatted(id, model.vocabularySize() - 1));
            }
        }
        return Optional.empty();
    }

    @Override
    public void close() {
        model.close();
        if (tokenizer != null) {
            tokenizer.close();
        }
    }
}
