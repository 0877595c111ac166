package dev.graft.tokenizer;

import com.fasterxml.jackson.core.JsonGenerator;
import com.fasterxml.jackson.core.JsonProcessingException;
import com.fasterxml.jackson.core.util.MinimalPrettyPrinter;
import com.fasterxml.jackson.databind.ObjectMapper;
import com.fasterxml.jackson.databind.ObjectWriter;
import com.hubspot.jinjava.interpret.Context;
import com.hubspot.jinjava.interpret.JinjavaInterpreter;
import com.hubspot.jinjava.lib.filter.Filter;
import com.hubspot.jinjava.lib.fn.ELFunctionDefinition;
import com.hubspot.jinjava.lib.tag.Tag;
import com.hubspot.jinjava.objects.date.StrftimeFormatter;
import com.hubspot.jinjava.tree.Node;
import com.hubspot.jinjava.tree.TagNode;
import java.io.IOException;
import java.io.Serial;
import java.time.ZonedDateTime;

/// What chat templates may call beyond Jinja itself, as Transformers offers it to them.
final class ChatFunctions {

    private ChatFunctions() {}

    static void register(Context context) {
        context.registerFunction(
                new ELFunctionDefinition("", "raise_exception", ChatFunctions.class, "raiseException", String.class));
        context.registerFunction(
                new ELFunctionDefinition("", "strftime_now", ChatFunctions.class, "strftimeNow", String.class));
        context.registerFilter(new ToJson());
        context.registerTag(new Generation());
        context.registerTag(new FilteredFor());
    }

    /// A template's own objection to a conversation.
    static final class Refusal extends RuntimeException {
        @Serial
        private static final long serialVersionUID = 1;

        Refusal(String message) {
            super(message);
        }
    }

    /// Called from templates, by name.
    public static String raiseException(String message) {
        throw new Refusal(message);
    }

    /// Called from templates, by name: the time now, in Python's format codes.
    public static String strftimeNow(String format) {
        return StrftimeFormatter.format(ZonedDateTime.now(), format);
    }

    /// `tojson` as Python's `json.dumps(…, ensure_ascii=False)` writes it: `{"a": 1, "b": [1, 2]}`.
    private static final class ToJson implements Filter {
        private static final ObjectWriter WRITER = new ObjectMapper().writer(new PythonSpacing());

        @Override
        public String getName() {
            return "tojson";
        }

        @Override
        public Object filter(Object value, JinjavaInterpreter interpreter, String... arguments) {
            if (arguments.length > 0) {
                throw new IllegalArgumentException("tojson with arguments is not supported");
            }
            try {
                return WRITER.writeValueAsString(value);
            } catch (JsonProcessingException e) {
                throw new IllegalArgumentException("tojson cannot write %s".formatted(value), e);
            }
        }
    }

    private static final class PythonSpacing extends MinimalPrettyPrinter {
        @Serial
        private static final long serialVersionUID = 1;

        @Override
        public void writeObjectFieldValueSeparator(JsonGenerator out) throws IOException {
            out.writeRaw(": ");
        }

        @Override
        public void writeObjectEntrySeparator(JsonGenerator out) throws IOException {
            out.writeRaw(", ");
        }

        @Override
        public void writeArrayValueSeparator(JsonGenerator out) throws IOException {
            out.writeRaw(", ");
        }
    }

    /// `{% generation %} … {% endgeneration %}` marks what the assistant says; the text is that of its body.
    private static final class Generation implements Tag {
        @Serial
        private static final long serialVersionUID = 1;

        @Override
        public String getName() {
            return "generation";
        }

        @Override
        public String interpret(TagNode tag, JinjavaInterpreter interpreter) {
            StringBuilder body = new StringBuilder();
            for (Node child : tag.getChildren()) {
                body.append(child.render(interpreter).getValue());
            }
            return body.toString();
        }
    }
}
