package dev.graft.tokenizer.jinja;

import java.util.List;
import java.util.Map;

/// A Jinja template, as Transformers sets Jinja2 up for chat templates: `trim_blocks`, `lstrip_blocks`,
/// nothing escaped, nothing that changes a value, `{% break %}`, `{% continue %}` and `{% generation %}`,
/// and the functions `raise_exception` and `strftime_now`. Safe for use by several threads.
///
/// {@snippet :
/// new Template("{% for m in messages %}{{ m.content | trim }}{% endfor %}").render(Map.of("messages",
/// messages)); }
public final class Template {
    private final List<Statement> statements;

    /// @throws TemplateException where the source is no template
    public Template(String source) {
        this.statements = Parser.parse(source);
    }

    /// @param variables  what the template can read: `null`, [Boolean], [Number], [String], [List] and
    ///                   [Map] of these
    /// @throws TemplateException where Python would raise
    public Rendered render(Map<String, ?> variables) {
        return new Interpreter(Globals.with(variables)).render(statements);
    }
}
