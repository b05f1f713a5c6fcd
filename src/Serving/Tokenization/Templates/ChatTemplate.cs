namespace Serving.Tokenization.Templates;

/// <summary>
/// A chat template: the part of Jinja that published templates are written in, run as the transformers library runs it. Whatever is not understood is
/// an error when the template is loaded, never at a request. Immutable and thread-safe.
/// </summary>
internal sealed class ChatTemplate
{
    private readonly string _path;
    private readonly IReadOnlyList<Statement> _body;
    private readonly IReadOnlyDictionary<string, string> _tokens;
    private readonly TimeProvider _time;

    /// <param name="path">The file it stands in, for messages.</param>
    /// <param name="tokens">Special tokens by role: "bos_token" and so on.</param>
    /// <exception cref="TokenizerException">A construct is not understood; the message quotes it and says where it stands.</exception>
    public ChatTemplate(string path, string template, IReadOnlyDictionary<string, string> tokens, TimeProvider time)
    {
        _path = path;
        _tokens = tokens;
        _time = time;
        try
        {
            _body = TemplateParser.Parse(template);
        }
        catch (TemplateSyntaxException e)
        {
            throw new TokenizerException($"{path}: chat_template: {e.Message} ({Where(template.ReplaceLineEndings("\n"), e.Position)}).");
        }
    }

    /// <summary>The prompt up to where the answer begins (add_generation_prompt).</summary>
    /// <exception cref="TokenizerException">The template refuses the conversation.</exception>
    public string Render(IReadOnlyList<ChatMessage> messages)
    {
        var globals = new Scope(null)
        {
            ["messages"] = messages.Select(message => (object?)new Mapping { ["role"] = message.Role, ["content"] = message.Content }).ToList(),
            ["add_generation_prompt"] = true,
            ["tools"] = null,
            ["documents"] = null,
        };
        foreach (var function in Functions.Names)
        {
            globals[function] = new Callable(function);
        }

        foreach (var (role, token) in _tokens)
        {
            globals[role] = token;
        }

        try
        {
            return Renderer.Render(_body, globals, _time);
        }
        catch (TemplateRenderException e)
        {
            throw new TokenizerException($"{Path.GetFileName(_path)}: the chat template cannot render these messages: {e.Message}.");
        }
    }

    private static string Where(string template, int position)
    {
        var before = template.AsSpan(0, Math.Min(position, template.Length));
        var line = before.Count('\n') + 1;
        var start = before.LastIndexOf('\n') + 1;
        var end = template.IndexOf('\n', before.Length);
        var text = template[start..(end < 0 ? template.Length : end)];
        return $"line {line}, column {before.Length - start + 1}: {(text.Length > 80 ? text[..80] + "..." : text)}";
    }
}
