package dev.graft.cli;

import dev.graft.format.FormatException;
import dev.graft.format.WeightHash;
import dev.graft.format.vocabulary.TokenizerTexts;
import dev.graft.peft.Origin;
import dev.graft.tensor.Torch;
import dev.graft.tokenizer.ChatTemplate;
import dev.graft.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.time.Instant;
import java.time.temporal.ChronoUnit;
import java.util.ArrayList;
import java.util.LinkedHashMap;
import java.util.List;
import java.util.Map;
import java.util.Optional;

/// Tells which model an adapter was trained on, and refuses it on another.
final class AdapterOrigin {
    private AdapterOrigin() {}

    /// A model as adapters know it.
    ///
    /// @param template in place of the model's own
    static Origin.Base base(Path model, Optional<ChatTemplate> template) {
        Optional<String> weights = Optional.of(WeightHash.of(model));
        if (TokenizerTexts.of(model).text("tokenizer.json").isEmpty()) {
            return base(model, weights, Optional.empty());
        }
        try (Tokenizer tokenizer = Tokenizer.load(model, template)) {
            return base(model, weights, Optional.of(tokenizer));
        }
    }

    /// @param weights hash of its weights; absent for random ones
    static Origin.Base base(Path model, Optional<String> weights, Optional<Tokenizer> tokenizer) {
        return new Origin.Base(
                model.toString(),
                weights,
                tokenizer.map(Tokenizer::canonical).map(WeightHash::ofText),
                tokenizer
                        .flatMap(Tokenizer::chatTemplate)
                        .map(ChatTemplate::identity)
                        .map(WeightHash::ofText));
    }

    /// When and with what something is made.
    static Map<String, Object> now() {
        Map<String, Object> made = new LinkedHashMap<>();
        made.put("graft", Main.version());
        made.put("created", Instant.now().truncatedTo(ChronoUnit.SECONDS).toString());
        Map<String, String> versions = new LinkedHashMap<>();
        versions.put("java", System.getProperty("java.vm.version"));
        versions.put("libtorch", Torch.version());
        made.put("versions", versions);
        return made;
    }

    /// Checks that an adapter is used on the model it was trained on; one that does not say passes.
    ///
    /// @param template that is used, in place of the model's own
    /// @param force    only warns
    /// @throws FormatException when weights, tokenizer or chat template are others
    static void require(Path adapter, Path model, Optional<ChatTemplate> template, boolean force) {
        Optional<Origin> origin = Origin.read(adapter);
        if (origin.isEmpty()) {
            return;
        }
        Origin.Base trained = origin.get().base();
        List<String> faults = differences(trained, base(model, template));
        if (faults.isEmpty()) {
            return;
        }
        String found = "it was trained on %s, and %s is another model:\n  %s\n"
                .formatted(trained.model(), model, String.join("\n  ", faults));
        if (!force) {
            throw new FormatException(
                    adapter,
                    found,
                    "the model it was trained on",
                    "Give that model, or go on with --force if you know that it fits.");
        }
        Console console = Console.stderr();
        console.say(console.style().yellow("warning: ") + adapter + ": " + found.strip());
    }

    private static List<String> differences(Origin.Base trained, Origin.Base given) {
        List<String> faults = new ArrayList<>();
        // adapters of random weights name none, and a model without a tokenizer turns no text into other ids
        compare(
                faults,
                "weights",
                trained.weights(),
                given.weights(),
                trained.weights().isPresent());
        compare(
                faults,
                "tokenizer",
                trained.tokenizer(),
                given.tokenizer(),
                given.tokenizer().isPresent());
        compare(
                faults,
                "chat template",
                trained.chatTemplate(),
                given.chatTemplate(),
                given.tokenizer().isPresent());
        return faults;
    }

    private static void compare(
            List<String> faults, String what, Optional<String> trained, Optional<String> given, boolean compared) {
        if (compared && !trained.equals(given)) {
            faults.add("%s: trained with %s, given %s".formatted(what, shown(trained), shown(given)));
        }
    }

    private static String shown(Optional<String> sha256) {
        return sha256.map(hash -> "sha256 " + hash.substring(0, Math.min(12, hash.length())) + "…")
                .orElse("none");
    }
}
