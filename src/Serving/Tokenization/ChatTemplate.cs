using System.Text;

namespace Serving.Tokenization;

/// <summary>
/// A chat template: text with {{ expressions }}. Understood are bos_token, eos_token and messages[-1]['content'] (the last turn), which is what
/// the shipped models use; any other construct is an error when the template is loaded, never at a request. Immutable.
/// </summary>
internal sealed class ChatTemplate
{
    private readonly List<(bool Literal, string Text)> _parts = [];
    private readonly string _bos;
    private readonly string _eos;

    /// <exception cref="TokenizerException">The template has a construct that is not understood; the message quotes it.</exception>
    public ChatTemplate(string template, string bos, string eos)
    {
        _bos = bos;
        _eos = eos;
        var at = 0;
        while (at < template.Length)
        {
            var open = template.IndexOf('{', at);
            if (open < 0 || open + 1 == template.Length)
            {
                _parts.Add((true, template[at..]));
                break;
            }

            if (template[open + 1] is not ('{' or '%' or '#'))
            {
                _parts.Add((true, template[at..(open + 1)]));
                at = open + 1;
                continue;
            }

            var close = template.IndexOf("}}", open, StringComparison.Ordinal);
            if (template[open + 1] != '{' || close < 0)
            {
                throw Unsupported(template[open..]);
            }

            _parts.Add((true, template[at..open]));
            var expression = template[(open + 2)..close].Trim();
            if (expression is not ("bos_token" or "eos_token" or "messages[-1]['content']"))
            {
                throw Unsupported(expression);
            }

            _parts.Add((false, expression));
            at = close + 2;
        }
    }

    public string Render(IReadOnlyList<ChatMessage> messages)
    {
        var text = new StringBuilder();
        foreach (var (literal, part) in _parts)
        {
            text.Append(literal ? part : part switch { "bos_token" => _bos, "eos_token" => _eos, _ => messages[^1].Content });
        }

        return text.ToString();
    }

    private static TokenizerException Unsupported(string construct) => new(
        $"chat_template: \"{(construct.Length > 60 ? construct[..60] + "..." : construct)}\" is not understood; supported are {{{{ bos_token }}}}, "
        + "{{ eos_token }} and {{ messages[-1]['content'] }}.");
}
