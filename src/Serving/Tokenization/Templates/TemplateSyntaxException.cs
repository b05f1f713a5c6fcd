namespace Serving.Tokenization.Templates;

/// <summary>A template that cannot be understood.</summary>
/// <param name="message">Names the construct.</param>
/// <param name="position">Where it stands, in UTF-16 units.</param>
internal sealed class TemplateSyntaxException(string message, int position) : Exception(message)
{
    public int Position => position;
}

/// <summary>A template that cannot be rendered for this conversation.</summary>
internal sealed class TemplateRenderException(string message) : Exception(message);
