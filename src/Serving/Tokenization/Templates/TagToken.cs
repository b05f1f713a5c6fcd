using System.Globalization;
using System.Text;

namespace Serving.Tokenization.Templates;

/// <summary>Reads the tokens inside a tag. Not thread-safe.</summary>
internal sealed class TagToken
{
    private static readonly string[] _operators =
        ["**", "//", "==", "!=", "<=", ">=", "+", "-", "*", "/", "%", "~", "<", ">", "=", "(", ")", "[", "]", "{", "}", ",", ":", ".", "|", ";"];

    private readonly string _source;
    private readonly List<TemplateToken> _tokens;
    private int _at;

    private TagToken(string source, int at, List<TemplateToken> tokens)
    {
        _source = source;
        _at = at;
        _tokens = tokens;
    }

    /// <summary>Adds one token and moves behind it; +1 or -1 when it opens or closes a bracket.</summary>
    /// <exception cref="TemplateSyntaxException">No token begins here.</exception>
    public static int Read(string source, ref int at, List<TemplateToken> tokens)
    {
        var reader = new TagToken(source, at, tokens);
        var nesting = reader.One();
        at = reader._at;
        return nesting;
    }

    private int One()
    {
        var start = _at;
        var c = _source[_at];
        if (c is '"' or '\'')
        {
            _tokens.Add(new TemplateToken(TokenKind.String, Quoted(c), start));
            return 0;
        }

        if (char.IsLetter(c) || c == '_')
        {
            Skip(d => char.IsLetterOrDigit(d) || d == '_');
            _tokens.Add(new TemplateToken(TokenKind.Name, _source[start.._at], start));
            return 0;
        }

        if (char.IsAsciiDigit(c))
        {
            Skip(char.IsAsciiDigit);
            if (_at + 1 < _source.Length && _source[_at] == '.' && char.IsAsciiDigit(_source[_at + 1]))
            {
                _at++;
                Skip(char.IsAsciiDigit);
            }

            _tokens.Add(new TemplateToken(TokenKind.Number, _source[start.._at], start));
            return 0;
        }

        var found = _operators.FirstOrDefault(o => string.CompareOrdinal(_source, _at, o, 0, o.Length) == 0) ?? throw new TemplateSyntaxException($"the character \"{c}\" is not understood", start);
        _at += found.Length;
        _tokens.Add(new TemplateToken(TokenKind.Operator, found, start));
        return found is "(" or "[" or "{" ? 1 : found is ")" or "]" or "}" ? -1 : 0;
    }

    private string Quoted(char quote)
    {
        var start = _at++;
        var text = new StringBuilder();
        for (; _at < _source.Length; _at++)
        {
            var c = _source[_at];
            if (c == quote)
            {
                _at++;
                return text.ToString();
            }

            if (c != '\\' || _at + 1 == _source.Length)
            {
                text.Append(c);
                continue;
            }

            c = _source[++_at];
            switch (c)
            {
                case 'n':
                    text.Append('\n');
                    break;
                case 't':
                    text.Append('\t');
                    break;
                case 'r':
                    text.Append('\r');
                    break;
                case 'u' or 'x':
                    text.Append(Hexadecimal(c == 'u' ? 4 : 2));
                    break;
                case '\\' or '\'' or '"':
                    text.Append(c);
                    break;
                default:
                    text.Append('\\').Append(c);       // as Python keeps it
                    break;
            }
        }

        throw new TemplateSyntaxException($"the string {_source.Substring(start, Math.Min(40, _source.Length - start))} is not closed", start);
    }

    private char Hexadecimal(int digits)
    {
        if (_at + digits >= _source.Length || !ushort.TryParse(_source.AsSpan(_at + 1, digits), NumberStyles.AllowHexSpecifier,
            CultureInfo.InvariantCulture, out var value))
        {
            throw new TemplateSyntaxException("the escape in a string is not understood", _at);
        }

        _at += digits;
        return (char)value;
    }

    private void Skip(Func<char, bool> wanted)
    {
        while (_at < _source.Length && wanted(_source[_at]))
        {
            _at++;
        }
    }
}
