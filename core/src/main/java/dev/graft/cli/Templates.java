package dev.graft.cli;

import dev.graft.format.FormatException;
import dev.graft.format.vocabulary.TemplateFiles;
import dev.graft.format.vocabulary.TokenizerTexts;
import dev.graft.tokenizer.ChatTemplate;
import dev.graft.tokenizer.TemplateFit;
import dev.graft.tokenizer.Tokenizer;
import java.nio.file.Path;
import java.util.List;
import java.util.Optional;
import java.util.OptionalInt;

/// Which chat template a command works with: the one it is told, that of the adapter, or the model's own.
final class Templates {
    private Templates() {}

    /// The tokenizer of a model with a template that a person chose; one that cannot work with it is refused.
    static Tokenizer tokenizer(Path model, Optional<ChatTemplate> chosen) {
        Tokenizer tokenizer = Tokenizer.load(model, chosen);
        try {
            if (chosen.isPresent()) {
                requireFit(model, tokenizer);
            }
            return tokenizer;
        } catch (RuntimeException e) {
            tokenizer.close();
            throw e;
        }
    }

    /// The tokenizer that a recipe trains with.
    static Tokenizer tokenizer(Recipe recipe) {
        return tokenizer(recipe.model(), chosen(recipe));
    }

    /// The template that a recipe names.
    static Optional<ChatTemplate> chosen(Recipe recipe) {
        return recipe.data().chatTemplate().map(Templates::read);
    }

    private static ChatTemplate read(Recipe.Template template) {
        return ChatTemplate.of(
                switch (template) {
                    case Recipe.Template.BuiltIn(var name) -> name;
                    case Recipe.Template.File(var path) -> path.toString();
                });
    }

    /// The template that the adapters brought with them; empty where none did.
    ///
    /// @throws FormatException when they brought different ones
    static Optional<ChatTemplate> of(List<Path> adapters) {
        Optional<ChatTemplate> found = Optional.empty();
        Path where = null;
        for (Path adapter : adapters) {
            Optional<ChatTemplate> own = ChatTemplate.in(adapter);
            if (own.isPresent()
                    && found.isPresent()
                    && !own.get().identity().equals(found.get().identity())) {
                throw new FormatException(
                        adapter,
                        "its chat template is another than that of " + where,
                        "adapters that were trained with one chat template",
                        "One model has one template: train them with the same, or remove chat_template.jinja from the"
                                + " folder of the one whose conversations do not matter.");
            }
            if (own.isPresent()) {
                where = adapter;
                found = own;
            }
        }
        return found;
    }

    /// As the files that make it travel with what was trained.
    static TemplateFiles files(Tokenizer tokenizer) {
        return new TemplateFiles(
                tokenizer.chatTemplate().orElseThrow().sources(),
                tokenizer.fit().map(TemplateFit::turnEnd).orElse(OptionalInt.empty()));
    }

    /// The same for a model that may have no tokenizer.
    static TemplateFiles files(Path model, ChatTemplate template) {
        if (TokenizerTexts.of(model).text("tokenizer.json").isEmpty()) {
            return new TemplateFiles(template.sources(), OptionalInt.empty());
        }
        try (Tokenizer tokenizer = Tokenizer.load(model, Optional.of(template))) {
            return files(tokenizer);
        }
    }

    private static void requireFit(Path model, Tokenizer tokenizer) {
        Optional<TemplateFit> fit = tokenizer.fit();
        if (fit.isEmpty()) {
            return; // its sentence comes with the conversation it refuses
        }
        String ending = fit.get().ending();
        if (fit.get().turnEnd().isEmpty()) {
            throw new IllegalArgumentException("""
                    the chat template does not fit %s: %s, so generation would not stop there. %s, or a model whose \
                    vocabulary has the token""".formatted(
                    model,
                    ending.isEmpty()
                            ? "it writes nothing behind an answer, or a token that the model does not name"
                            : "it ends an answer with \"%s\", which is no token of this model".formatted(ending),
                    fitting(tokenizer)));
        }
        List<String> pieces = fit.get().pieces();
        if (!pieces.isEmpty()) {
            Console console = Console.stderr();
            console.say(console.style().yellow("warning: ")
                    + "the chat template writes %s, %s of %s: the tokenizer cuts %s into pieces, and the model learns them as text"
                            .formatted(
                                    String.join(", ", pieces),
                                    pieces.size() == 1 ? "which is no token" : "which are no tokens",
                                    model,
                                    pieces.size() == 1 ? "it" : "them"));
        }
    }

    private static String fitting(Tokenizer tokenizer) {
        List<String> names = ChatTemplate.BUILT_IN.stream()
                .filter(name -> tokenizer
                        .fit(ChatTemplate.of(name))
                        .filter(fit -> fit.turnEnd().isPresent())
                        .isPresent())
                .toList();
        return names.isEmpty()
                ? "None of Graft's templates does; use a template of your own that ends answers with a token of the model"
                : "Use one that does (of Graft's: %s)".formatted(String.join(", ", names));
    }
}
