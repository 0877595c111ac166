package dev.graft.model;

import dev.graft.format.FormatException;
import dev.graft.nn.LinearFactory;
import dev.graft.nn.NamedTensors;
import dev.graft.tensor.DType;
import dev.graft.tensor.Device;
import dev.graft.tensor.Torch;
import java.nio.file.Path;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.TreeSet;

/// The architectures Graft knows, and loading: from files, or with random weights.
public final class Architectures {
    private static final List<Architecture> ALL = List.of(
            new Llama(),
            new Mistral(),
            new Mixtral(),
            new Qwen2(),
            new Qwen3(),
            new Qwen3Moe(),
            new Phi3(),
            new Gemma2(),
            new Gemma3(),
            new Gpt2());

    private Architectures() {}

    /// Below this width the float32 products of a layer are too small for threads to share.
    private static final int WIDTH_WORTH_SHARING = 512;

    /// The family a configuration names.
    public static Architecture of(ModelConfig config) {
        String type = config.modelType();
        if (type.equals("gemma3")) {
            throw withImages(config);
        }
        return find(type)
                .orElseThrow(() -> config.wrong(
                        "model_type", "it is \"" + type + "\"", "one of " + String.join(", ", modelTypes())));
    }

    /// Gemma 3 from 4B on is published with what reads images. Its text model is one that Graft runs.
    private static FormatException withImages(ModelConfig config) {
        return new FormatException(
                config.file(),
                "\"model_type\": it is \"gemma3\", a model that holds a reader of images too",
                "\"gemma3_text\", its text model alone",
                """
                Save that once, with its tokenizer beside it, in Python: \
                from transformers import Gemma3ForCausalLM, Gemma3ForConditionalGeneration; \
                m = Gemma3ForConditionalGeneration.from_pretrained("FROM"); \
                t = Gemma3ForCausalLM(m.config.text_config); \
                t.model = m.model.language_model; t.lm_head = m.lm_head; t.save_pretrained("TO")""");
    }

    /// Every `model_type` Graft runs.
    public static List<String> modelTypes() {
        return ALL.stream().map(Architecture::modelType).toList();
    }

    static Optional<Architecture> find(String modelType) {
        return ALL.stream().filter(a -> a.modelType().equals(modelType)).findFirst();
    }

    /// Loads a model from a Hugging Face directory, a `.gguf` file or a llama2.c checkpoint; its weights
    /// stay in the memory-mapped files where their type is the computing type.
    public static LanguageModel load(Path directory, LinearFactory factory, Device device, DType computeType) {
        ModelSource files = ModelSource.open(directory);
        try {
            ModelConfig config = files.config();
            DecoderSpec decoder = of(config).decoder(config);
            shareProducts(decoder, device);
            check(directory, decoder, files);
            NamedTensors source = new FileTensors(files, device, computeType);
            return new Decoder(config, decoder, source, factory, files::close);
        } catch (RuntimeException e) {
            factory.close();
            files.close();
            throw e;
        }
    }

    /// A model of this configuration with random weights, as Transformers initialises them: matrices from a
    /// normal distribution of standard deviation `initializer_range`, gains one, biases zero.
    public static LanguageModel random(
            Path directory, LinearFactory factory, Device device, DType computeType, long seed) {
        ModelConfig config = ModelConfig.read(directory);
        DecoderSpec decoder = of(config).decoder(config);
        shareProducts(decoder, device);
        double deviation = config.number("initializer_range", 0.02);
        NamedTensors source = RandomTensors.of(decoder.tensors(), deviation, device, computeType, seed);
        return new Decoder(config, decoder, source, factory, () -> {});
    }

    private static void shareProducts(DecoderSpec decoder, Device device) {
        if (device.isCpu()) {
            boolean worthSharing = decoder.width() >= WIDTH_WORTH_SHARING;
            Torch.setBlasThreads(worthSharing ? Torch.threads() : 1);
        }
    }

    /// Compares what the files of a model hold with what its configuration asks for.
    ///
    /// @throws FormatException that names every difference
    public static void requireFit(ModelSource files) {
        check(files.path(), of(files.config()).decoder(files.config()), files);
    }

    /// Compares what the files hold with what the configuration asks for, and names every difference at once.
    private static void check(Path directory, DecoderSpec decoder, ModelSource files) {
        Map<String, long[]> expected = decoder.shapes();
        List<String> faults = new ArrayList<>(files.misfits(expected));
        for (String name : new TreeSet<>(files.names())) {
            // Some writers store a tied head beside the embedding, and old ones the rotary frequencies.
            boolean known = expected.containsKey(name)
                    || (decoder.head().isEmpty() && name.equals("lm_head.weight"))
                    || name.endsWith("rotary_emb.inv_freq");
            if (!known) {
                faults.add(name + ": not part of this architecture");
            }
        }
        if (!faults.isEmpty()) {
            int shown = Math.min(8, faults.size());
            String more = faults.size() > shown ? "\n  … and %d more".formatted(faults.size() - shown) : "";
            throw new FormatException(
                    directory,
                    "the weights do not fit config.json (%d of %d tensors):\n  %s%s"
                            .formatted(
                                    faults.size(),
                                    expected.size(),
                                    String.join("\n  ", faults.subList(0, shown)),
                                    more),
                    "the %d tensors that config.json describes".formatted(expected.size()),
                    "Use the config.json and weights of one model.");
        }
    }
}
