using System.Text.Json;
using Serving.Grammar;
using Serving.Observability;
using Serving.Requests;

namespace Serving.Generation;

/// <summary>Reads "response_format". Pure.</summary>
internal static class ResponseFormatParser
{
    private const string Field = "response_format";
    private const string Schema = Field + ".json_schema.schema";

    /// <summary>What answers must be; null = anything.</summary>
    /// <exception cref="ApiException">The format is unknown, or its schema cannot be followed.</exception>
    public static JsonGrammar? Parse(RequestFields fields)
    {
        if (fields.Object(Field) is not { } format)
        {
            return null;
        }

        return (format.Text("type") ?? throw RequestFields.Missing(Field + ".type", "\"text\", \"json_object\" or \"json_schema\".")) switch
        {
            "text" => null,
            "json_object" => JsonGrammar.AnyObject,
            "json_schema" => OfSchema(format.Object("json_schema") ?? throw RequestFields.Missing(Field + ".json_schema", "an object with name and schema.")),
            _ => throw RequestFields.Invalid(Field + ".type", "must be \"text\", \"json_object\" or \"json_schema\"."),
        };
    }

    // Strict or not, what is written satisfies the schema.
    private static JsonGrammar OfSchema(RequestFields described)
    {
        _ = described.Text("name") ?? throw RequestFields.Missing(Field + ".json_schema.name", "a name for the schema.");
        _ = described.Flag("strict");
        var schema = described.Value("schema") ?? throw RequestFields.Missing(Schema, "a JSON schema.");
        try
        {
            return JsonGrammar.OfSchema(schema);
        }
        catch (GrammarException exception)
        {
            var path = Schema + exception.Path;
            throw exception.Unsupported ? RequestFields.Unsupported(path, exception.Fault) : RequestFields.Invalid(path, exception.Fault);
        }
        catch (Exception exception) when (exception is InvalidOperationException or JsonException)      // half a surrogate pair, as in RequestFields
        {
            throw RequestFields.Invalid(Schema, "holds text that is not valid Unicode.");
        }
    }
}
