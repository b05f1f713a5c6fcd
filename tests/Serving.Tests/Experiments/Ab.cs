using System.CommandLine;
using Serving.Experiments;

namespace Serving.Tests.Experiments;

/// <summary>Runs "ab" as the program does. Stateless.</summary>
internal static class Ab
{
    public static (int Code, string Output, string Error) Run(params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        var code = new RootCommand { AbCommand.Create() }.Parse(["ab", .. arguments]).Invoke(new InvocationConfiguration { Output = output, Error = error });
        return (code, output.ToString(), error.ToString());
    }
}
