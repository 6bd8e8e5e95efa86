using System.Text.Json;
using Notifier.Hub;
using Notifier.Names;

namespace Notifier.Endpoints.Sessions;

/// <summary>What a client asks for in <c>notifier.v1</c>. See docs/protocol.md.</summary>
internal sealed class ClientCommand
{
    private const int MaxIdCharacters = 128;

    private static readonly string[] Keys = ["type", "id", "channel", "pattern", "after", "last", "token"];

    private readonly Dictionary<string, JsonElement> properties = [];

    private ClientCommand(JsonElement command)
    {
        if (command.ValueKind != JsonValueKind.Object)
        {
            Problem = "a command is a JSON object";
            return;
        }
        // Others are ignored: later versions may have more.
        foreach (var property in command.EnumerateObject())
        {
            if (Array.Find(Keys, property.NameEquals) is { } key && !properties.TryAdd(key, property.Value))
                Problem = $"{key} is there twice";
        }
        Id = ReadId();
        Type = Text("type") ?? "";
        if (Type.Length == 0)
            Problem ??= "type is missing: subscribe, unsubscribe, auth or ping";
        if (Type is "subscribe" or "unsubscribe")
            Name = ReadName();
        if (Type is "subscribe")
            Replay = new(Text("after"), ReadLast());
        if (Type is "auth" && (Token = Text("token")) is null)
            Problem ??= "token is missing";
        properties.Clear();     // their memory goes back with the document
    }

    /// <summary>What is wrong with it, for people; null when it is as it should be.</summary>
    public string? Problem { get; private set; }

    /// <summary>What is to be done.</summary>
    public string Type { get; } = "";

    /// <summary>What the answer is to be known by, as it was written.</summary>
    public JsonElement? Id { get; }

    /// <summary>The channel or pattern, where the type needs one.</summary>
    public Name Name { get; }

    /// <summary>What is wanted of the messages before.</summary>
    public ReplayRequest Replay { get; }

    /// <summary>A secret, where the type needs one.</summary>
    public string? Token { get; }

    /// <returns>Null when it is not JSON.</returns>
    public static ClientCommand? Parse(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = int.MaxValue });
            return new ClientCommand(document.RootElement);
        }
        catch (JsonException)
        {
            return null;
        }
    }

    private Name ReadName()
    {
        switch (Text("channel"), Text("pattern"))
        {
            case ({ } channel, null):
                return Name.Channel(channel);
            case (null, { } pattern):
                return Name.Pattern(pattern);
            case (null, null):
                Problem ??= "channel or pattern is missing";
                break;
            default:
                Problem ??= "channel or pattern: one of them, not both";
                break;
        }
        return default;
    }

    private int? ReadLast()
    {
        if (!properties.TryGetValue("last", out var last))
            return null;
        if (last.ValueKind == JsonValueKind.Number && last.TryGetInt32(out var count) && count >= 0)
            return count;
        Problem ??= "last is a number of messages: 0, 1, 2 …";
        return null;
    }

    private JsonElement? ReadId()
    {
        if (!properties.TryGetValue("id", out var id))
            return null;
        if (id.ValueKind is not (JsonValueKind.Number or JsonValueKind.String) || id.GetRawText().Length > MaxIdCharacters)
        {
            Problem ??= $"id is a number, or a string, of at most {MaxIdCharacters} characters";
            return null;
        }
        return id.ValueKind == JsonValueKind.String && Text("id") is null ? null : id.Clone();
    }

    private string? Text(string key)
    {
        if (!properties.TryGetValue(key, out var value))
            return null;
        if (value.ValueKind == JsonValueKind.String)
        {
            try
            {
                return value.GetString();
            }
            catch (InvalidOperationException)
            {
                Problem ??= $"{key} is not valid Unicode: half of a surrogate pair is missing";
            }
        }
        Problem ??= $"{key} is a string";
        return null;
    }
}
