package dev.graft.data;

import dev.graft.tokenizer.ChatTemplate;
import dev.graft.tokenizer.Encoded;
import dev.graft.tokenizer.Message;
import dev.graft.tokenizer.Tokenizer;
import dev.graft.tokenizer.jinja.Rendered;
import dev.graft.tokenizer.jinja.Rendered.Span;
import java.util.ArrayList;
import java.util.List;
import java.util.Map;
import java.util.Optional;
import java.util.function.IntPredicate;

/// Conversations as tokens: rendered whole by the chat template, with what the assistant says marked as
/// learnt.
///
/// Where the template has `{% generation %}`, what stands in these blocks is what the assistant says, to
/// the letter, as with `assistant_only_loss` in TRL. Otherwise it is found by rendering the beginnings of
/// the conversation: the text before a turn, with the generation prompt, ends where its words begin, and
/// the text up to and with the turn ends where they end. That holds only where the rendering of a
/// beginning is the beginning of the rendering; other templates are refused. The token that ends the turn
/// is then learnt, and what the template writes behind it (a line break) is not, because generation stops
/// before it.
final class ChatTokens {
    private final Tokenizer tokenizer;
    private final ChatTemplate template;

    /// Fails where the model has no chat template.
    ChatTokens(Tokenizer tokenizer) {
        this.tokenizer = tokenizer;
        this.template = tokenizer
                .chatTemplate()
                .orElseThrow(() -> new IllegalArgumentException("""
                        has "messages", but the model has no chat template; \
                        choose one (data.chat_template in a recipe, --chat-template on the command line: %s, \
                        or a .jinja file), use an instruction-tuned model, or rows of "prompt" and \
                        "completion\"""".formatted(ChatTemplate.builtInNames())));
    }

    /// A conversation and the variables its template reads beside the messages, such as `tools`.
    private record Conversation(List<Message> messages, Map<String, ?> variables) {}

    /// The template writes every special token, so the tokenizer adds none: nothing begins twice.
    ///
    /// @param variables  what the template reads beside the messages: `tools`, `documents` …
    /// @param learnt     which of the assistant's messages are learnt, by their index
    LabelledTokens of(List<Message> messages, Map<String, ?> variables, IntPredicate learnt) {
        boolean[] turns = new boolean[messages.size()];
        boolean speaks = false;
        for (int i = 0; i < turns.length; i++) {
            turns[i] = isAssistant(messages.get(i)) && learnt.test(i);
            speaks |= turns[i] && !messages.get(i).isEmpty();
        }
        if (!speaks) {
            throw new LabelledTokens.NothingToTrain("the assistant says nothing in it");
        }
        Conversation whole = new Conversation(messages, variables);
        Rendered rendered = rendered(whole, messages.size(), false);
        Encoded encoded = tokenizer.encodeWithOffsets(rendered.text(), false);
        boolean[] labels = new boolean[encoded.size()];
        if (template.marksGenerations(variables.get("tools") != null)) {
            marked(whole, turns, rendered).forEach(span -> label(span, encoded, labels));
        } else {
            spans(whole, turns, rendered.text()).forEach(span -> labelToStop(span, encoded, labels));
        }
        labels[0] = false;
        return new LabelledTokens(encoded.ids(), labels, false);
    }

    /// The conversation up to its last turn, and that turn as the answer; empty where that is not the
    /// assistant's.
    Optional<Question> question(int row, List<Message> messages, Map<String, ?> variables) {
        Message last = messages.getLast();
        if (!isAssistant(last)) {
            return Optional.empty();
        }
        String prompt = rendered(new Conversation(messages, variables), messages.size() - 1, true)
                .text();
        return Optional.of(new Question(row, tokenizer.encode(prompt, false), prompt, last.content()));
    }

    private Rendered rendered(Conversation conversation, int turns, boolean addGenerationPrompt) {
        return template.render(conversation.messages.subList(0, turns), conversation.variables, addGenerationPrompt);
    }

    /// The tokens that hold any of the span's text.
    ///
    /// @return  the index behind the last of them, or 0 where there is none
    private static int label(Span span, Encoded encoded, boolean[] labels) {
        int end = 0;
        for (int i = 0; i < labels.length; i++) {
            int tokenEnd = encoded.ends()[i];
            // a token of spaces only may have lost its width: then it stands behind the spaces it was made of
            if (tokenEnd > span.start() && Math.min(encoded.starts()[i], tokenEnd - 1) < span.end()) {
                labels[i] = true;
                end = i + 1;
            }
        }
        return end;
    }

    /// As [#label], but not beyond the last token that ends a turn.
    private void labelToStop(Span span, Encoded encoded, boolean[] labels) {
        boolean[] own = new boolean[labels.length];
        int end = label(span, encoded, own);
        int stop = end - 1;
        while (stop >= 0 && !(own[stop] && tokenizer.stopIds().contains(encoded.ids()[stop]))) {
            stop--;
        }
        for (int i = 0; i < (stop < 0 ? end : stop + 1); i++) {
            labels[i] |= own[i];
        }
    }

    /// The spans of `{% generation %}` that belong to the turns.
    private List<Span> marked(Conversation whole, boolean[] turns, Rendered rendered) {
        rendered.hiddenLine().ifPresent(line -> {
            throw new IllegalArgumentException(
                    "the chat template's {%% generation %%} in line %d stands within a macro, {%% set %%}, {%% filter %%} or {%% call %%}, where its place in the text is not known; move it out"
                            .formatted(line));
        });
        List<Span> all = rendered.generations();
        boolean everyTurn = true;
        for (int i = 0; i < turns.length; i++) {
            everyTurn &= turns[i] || !isAssistant(whole.messages.get(i));
        }
        if (everyTurn) {
            return nonEmpty(all);
        }
        List<Span> chosen = new ArrayList<>();
        for (int i = 0; i < turns.length; i++) {
            if (turns[i]) {
                int from = rendered(whole, i, false).generations().size();
                int to = i + 1 == turns.length
                        ? all.size()
                        : rendered(whole, i + 1, false).generations().size();
                if (from > to || to > all.size()) {
                    throw new IllegalArgumentException(
                            "the chat template marks fewer {%% generation %%} blocks when more follows, so those of message %d cannot be told from the others; train on all the assistant says"
                                    .formatted(i + 1));
                }
                chosen.addAll(all.subList(from, to));
            }
        }
        return nonEmpty(chosen);
    }

    private static List<Span> nonEmpty(List<Span> spans) {
        List<Span> kept =
                spans.stream().filter(span -> span.end() > span.start()).toList();
        if (kept.isEmpty()) {
            throw new LabelledTokens.NothingToTrain("the chat template marks nothing of it by {% generation %}");
        }
        return kept;
    }

    private List<Span> spans(Conversation whole, boolean[] turns, String text) {
        List<Span> spans = new ArrayList<>();
        for (int i = 0; i < turns.length; i++) {
            if (turns[i]) {
                String before = rendered(whole, i, true).text();
                requireBeginning(before, text, i + 1);
                spans.add(new Span(before.length(), end(whole, i + 1, text)));
            }
        }
        return spans;
    }

    /// A template may close every text with the end-of-text token (Phi does), also after a turn that was
    /// not the last.
    private int end(Conversation whole, int turns, String all) {
        String text = turns == whole.messages.size()
                ? all
                : rendered(whole, turns, false).text();
        if (!all.startsWith(text) && tokenizer.eosId().isPresent()) {
            String close = tokenizer.decode(new int[] {tokenizer.eosId().getAsInt()}, false);
            text = text.endsWith(close) ? text.substring(0, text.length() - close.length()) : text;
        }
        requireBeginning(text, all, turns);
        return text.length();
    }

    private static void requireBeginning(String text, String whole, int message) {
        if (whole.startsWith(text)) {
            return;
        }
        int same = 0;
        while (same < Math.min(text.length(), whole.length()) && text.charAt(same) == whole.charAt(same)) {
            same++;
        }
        throw new IllegalArgumentException("""
                the chat template writes the conversation up to message %d differently once more follows \
                ("%s" becomes "%s"), so what the assistant says cannot be told apart; \
                put {%% generation %%} … {%% endgeneration %%} around it in the template, \
                choose another one by data.chat_template, or train on the last answer only""".formatted(message, excerpt(text, same), excerpt(whole, same)));
    }

    private static String excerpt(String text, int at) {
        return text.substring(Math.max(0, at - 10), Math.min(text.length(), at + 20))
                .replace("\n", "\\n");
    }

    private static boolean isAssistant(Message message) {
        return message.role().equals("assistant");
    }
}
