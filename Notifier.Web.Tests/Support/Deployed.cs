using System.Text.Json.Nodes;
using YamlDotNet.Core;
using YamlDotNet.Serialization;

namespace Notifier.Tests.Support;

/// <summary>The files of <c>deploy/</c>, as an operator gets them.</summary>
internal static class Deployed
{
    public static string Path(string name) => System.IO.Path.Combine(AppContext.BaseDirectory, "deploy", name);

    public static string Text(string name) => File.ReadAllText(Path(name));

    /// <summary>All documents of a YAML file. Every value is a string; anchors and merges are resolved.</summary>
    public static List<JsonNode> Yaml(string name)
    {
        using var text = new StringReader(Text(name));
        var parser = new MergingParser(new Parser(text));
        var deserializer = new DeserializerBuilder().Build();
        var asJson = new SerializerBuilder().JsonCompatible().Build();
        var documents = new List<JsonNode>();
        parser.Consume<YamlDotNet.Core.Events.StreamStart>();
        while (parser.Accept<YamlDotNet.Core.Events.DocumentStart>(out _))
            documents.Add(JsonNode.Parse(asJson.Serialize(deserializer.Deserialize(parser)!))!);
        return documents;
    }

    /// <summary>Converts environment variables to settings of the program.</summary>
    public static string[] AsSettings(JsonNode variables) =>
        [.. variables.AsObject().Select(static variable => $"{variable.Key.Replace("__", ":", StringComparison.Ordinal)}={variable.Value}")];
}
