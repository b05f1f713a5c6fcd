using System.Text.Json;
using Serving.Tokenization.Templates;

namespace Serving.Tokenization;

/// <summary>Finds the chat template of a model folder and the special tokens that it may name.</summary>
internal static class ChatTemplateFile
{
    private const string Config = "tokenizer_config.json";

    private static readonly string[] _roles = ["bos_token", "eos_token", "unk_token", "pad_token", "sep_token", "cls_token", "mask_token"];

    /// <summary>Null when the folder has none.</summary>
    /// <exception cref="TokenizerException">A file is damaged, or the template has a construct that is not understood.</exception>
    public static ChatTemplate? Read(string folder, TimeProvider time)
    {
        var tokens = new Dictionary<string, string>(StringComparer.Ordinal);
        AddTokens(Path.Combine(folder, "special_tokens_map.json"), tokens);
        AddTokens(Path.Combine(folder, Config), tokens);
        var separate = Path.Combine(folder, "chat_template.jinja");
        if (File.Exists(separate))
        {
            return new ChatTemplate(separate, TokenizerFile.ReadText(separate), tokens, time);
        }

        var path = Path.Combine(folder, Config);
        return File.Exists(path) && TokenizerFile.Read(path, Template) is { } template ? new ChatTemplate(path, template, tokens, time) : null;
    }

    /// <summary>A text, or a list of named ones, of which "default" is for conversations.</summary>
    private static string? Template(JsonField root)
    {
        if (root.Optional("chat_template") is not { } field)
        {
            return null;
        }

        if (field.Value.ValueKind != JsonValueKind.Array)
        {
            return field.Text();
        }

        JsonField[] named = [.. field.Items()];
        var names = named.Select(item => item.Required("name").Text()).ToArray();
        var chosen = Array.IndexOf(names, "default");
        return chosen >= 0
            ? named[chosen].Required("template").Text()
            : throw field.Broken($"has the templates {string.Join(", ", names)}, but none named \"default\"");
    }

    /// <summary>A special token is a text or an object with "content".</summary>
    private static void AddTokens(string path, Dictionary<string, string> tokens)
    {
        if (!File.Exists(path))
        {
            return;
        }

        TokenizerFile.Read(path, root =>
        {
            foreach (var role in _roles)
            {
                if (root.Optional(role) is { } token)
                {
                    tokens[role] = token.Value.ValueKind == JsonValueKind.Object ? token.Required("content").Text() : token.Text();
                }
            }

            return true;
        });
    }
}
