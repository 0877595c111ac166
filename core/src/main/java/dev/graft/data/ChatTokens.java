package dev.graft.data;

import dev.graft.tokenizer.ChatTemplate;
import dev.graft.tokenizer.Encoded;
import dev.graft.tokenizer.Message;
import dev.graft.tokenizer.Tokenizer;
import java.util.ArrayList;
import java.util.List;
import java.util.Optional;
import java.util.function.IntPredicate;

/// Conversations as tokens: rendered whole by the chat template, with what the assistant says marked as learnt.
///
/// What it says is found by rendering the beginnings of the conversation: the text before its turn, with the
/// generation prompt, ends where its words begin, and the text up to and with its turn ends where they end.
/// That holds only where the rendering of a beginning is the beginning of the rendering; other templates are
/// refused. The token that ends the turn is learnt. What the template writes behind that token (a line
/// break) is not, because generation stops before it.
final class ChatTokens {
    private final Tokenizer tokenizer;
    private final ChatTemplate template;

    /// Fails where the model has no chat template.
    ChatTokens(Tokenizer tokenizer) {
        this.tokenizer = tokenizer;
        this.template = tokenizer.chatTemplate().orElseThrow(() -> new IllegalArgumentException("""
                        has "messages", but the model has no chat template; \
                        use an instruction-tuned model or rows of "prompt" and "completion\""""));
    }

    private record Span(int start, int end) {
        /// A token of spaces only may have lost its width: then it stands behind the spaces it was made of.
        boolean touches(int tokenStart, int tokenEnd) {
            return tokenEnd > start && Math.min(tokenStart, tokenEnd - 1) < end;
        }
    }

    /// The template writes every special token, so the tokenizer adds none: nothing begins twice.
    ///
    /// @param learnt  which of the assistant's messages are learnt, by their index
    LabelledTokens of(List<Message> messages, IntPredicate learnt) {
        boolean[] turns = new boolean[messages.size()];
        boolean speaks = false;
        for (int i = 0; i < turns.length; i++) {
            turns[i] = isAssistant(messages.get(i)) && learnt.test(i);
            speaks |= turns[i] && !messages.get(i).content().isBlank();
        }
        if (!speaks) {
            throw new LabelledTokens.NothingToTrain("the assistant says nothing in it");
        }
        String whole = template.render(messages, false);
        Encoded encoded = tokenizer.encodeWithOffsets(whole, false);
        boolean[] labels = new boolean[encoded.size()];
        for (Span span : assistantSpans(messages, turns, whole)) {
            label(span, encoded, labels);
        }
        labels[0] = false;
        return new LabelledTokens(encoded.ids(), labels, false);
    }

    /// The conversation up to its last turn, and that turn as the answer; empty where that is not the
    /// assistant's.
    Optional<Question> question(int row, List<Message> messages) {
        Message last = messages.getLast();
        if (!isAssistant(last)) {
            return Optional.empty();
        }
        String prompt = template.render(messages.subList(0, messages.size() - 1), true);
        return Optional.of(new Question(row, tokenizer.encode(prompt, false), prompt, last.content()));
    }

    private void label(Span span, Encoded encoded, boolean[] labels) {
        int stop = -1;
        for (int i = 0; i < labels.length; i++) {
            if (span.touches(encoded.starts()[i], encoded.ends()[i])) {
                labels[i] = true;
                stop = tokenizer.stopIds().contains(encoded.ids()[i]) ? i : stop;
            }
        }
        for (int i = stop + 1; stop >= 0 && i < labels.length && labels[i]; i++) {
            labels[i] = false;
        }
    }

    private List<Span> assistantSpans(List<Message> messages, boolean[] turns, String whole) {
        List<Span> spans = new ArrayList<>();
        for (int i = 0; i < messages.size(); i++) {
            if (turns[i]) {
                String before = template.render(messages.subList(0, i), true);
                requireBeginning(before, whole, i + 1);
                spans.add(new Span(before.length(), end(messages.subList(0, i + 1), whole)));
            }
        }
        return spans;
    }

    /// A template may close every text with the end-of-text token (Phi does), also after a turn that was not
    /// the last.
    private int end(List<Message> beginning, String whole) {
        String text = template.render(beginning, false);
        if (!whole.startsWith(text) && tokenizer.eosId().isPresent()) {
            String close = tokenizer.decode(new int[] {tokenizer.eosId().getAsInt()}, false);
            text = text.endsWith(close) ? text.substring(0, text.length() - close.length()) : text;
        }
        requireBeginning(text, whole, beginning.size());
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
                give the model a template that keeps earlier text""".formatted(message, excerpt(text, same), excerpt(whole, same)));
    }

    private static String excerpt(String text, int at) {
        return text.substring(Math.max(0, at - 10), Math.min(text.length(), at + 20))
                .replace("\n", "\\n");
    }

    private static boolean isAssistant(Message message) {
        return message.role().equals("assistant");
    }
}
