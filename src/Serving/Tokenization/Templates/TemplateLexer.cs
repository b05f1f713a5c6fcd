namespace Serving.Tokenization.Templates;

/// <summary>
/// Cuts a template into text and the tokens of its tags. White space is treated as the transformers library sets Jinja up: trim_blocks (the line end
/// after a block tag goes), lstrip_blocks (blanks before a block tag at the start of a line go), "-" strips and "+" keeps; one line end at the
/// end of the template goes.
/// </summary>
internal sealed class TemplateLexer
{
    private readonly string _source;
    private readonly List<TemplateToken> _tokens = [];
    private int _at;

    // What the last tag says about the text that follows it.
    private bool _stripNext;
    private bool _lineStarts = true;

    private TemplateLexer(string source) => _source = source;

    /// <exception cref="TemplateSyntaxException">A tag is not closed, or a character stands where none can.</exception>
    public static List<TemplateToken> Read(string template)
    {
        var lexer = new TemplateLexer(template.EndsWith('\n') ? template[..^1] : template);
        while (lexer._at < lexer._source.Length)
        {
            lexer.TextAndTag();
        }

        lexer._tokens.Add(new TemplateToken(TokenKind.End, "", lexer._at));
        return lexer._tokens;
    }

    private void TextAndTag()
    {
        var open = _at - 1;
        do
        {
            open = _source.IndexOf('{', open + 1);
        }
        while (open >= 0 && !(open + 1 < _source.Length && _source[open + 1] is '{' or '%' or '#'));

        var text = open < 0 ? _source[_at..] : _source[_at..open];
        var start = _at;
        if (_stripNext)
        {
            text = text.TrimStart();
        }

        if (open < 0)
        {
            AddText(text, start);
            _at = _source.Length;
            return;
        }

        var kind = _source[open + 1];
        var sign = open + 2 < _source.Length ? _source[open + 2] : '\0';
        if (sign == '-')
        {
            text = text.TrimEnd();
        }
        else if (sign != '+' && kind != '{')
        {
            text = WithoutIndent(text);
        }

        AddText(text, start);
        _at = open + (sign is '-' or '+' ? 3 : 2);
        if (kind == '#')
        {
            Comment(open);
        }
        else
        {
            Tag(open, kind);
        }
    }

    private string WithoutIndent(string text)
    {
        var line = text.LastIndexOf('\n') + 1;
        return (line > 0 || _lineStarts) && string.IsNullOrWhiteSpace(text[line..]) ? text[..line] : text;
    }

    private void AddText(string text, int position)
    {
        if (text.Length > 0)
        {
            _tokens.Add(new TemplateToken(TokenKind.Text, text, position));
        }
    }

    private void Comment(int open)
    {
        var close = _source.IndexOf("#}", _at, StringComparison.Ordinal);
        if (close < 0)
        {
            throw new TemplateSyntaxException("the comment \"{#\" is not closed", open);
        }

        _at = close + 2;
        Closed(_source[close - 1], trims: true);
    }

    private void Tag(int open, char kind)
    {
        var output = kind == '{';
        _tokens.Add(new TemplateToken(output ? TokenKind.BeginOutput : TokenKind.BeginTag, output ? "{{" : "{%", open));
        var end = output ? "}}" : "%}";
        var nesting = 0;
        while (true)
        {
            while (_at < _source.Length && char.IsWhiteSpace(_source[_at]))
            {
                _at++;
            }

            if (_at == _source.Length)
            {
                throw new TemplateSyntaxException($"the tag \"{Excerpt(open)}\" is not closed", open);
            }

            var sign = _source[_at] is '-' or '+' && Looking(end, 1) ? _source[_at] : '\0';
            if (nesting == 0 && (sign != '\0' || Looking(end, 0)))
            {
                _tokens.Add(new TemplateToken(output ? TokenKind.EndOutput : TokenKind.EndTag, end, _at));
                _at += sign == '\0' ? 2 : 3;
                Closed(sign, trims: !output);
                return;
            }

            nesting += TagToken.Read(_source, ref _at, _tokens);
        }
    }

    /// <param name="sign">What stood before the closing mark.</param>
    /// <param name="trims">The line end after the tag goes.</param>
    private void Closed(char sign, bool trims)
    {
        _stripNext = sign == '-';
        _lineStarts = false;
        if (trims && sign is not ('-' or '+') && _at < _source.Length && _source[_at] == '\n')
        {
            _at++;
            _lineStarts = true;
        }
    }

    private string Excerpt(int from) => _source.Substring(from, Math.Min(40, _source.Length - from));

    private bool Looking(string at, int ahead) => string.CompareOrdinal(_source, _at + ahead, at, 0, at.Length) == 0;
}
