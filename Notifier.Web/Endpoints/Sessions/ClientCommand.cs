using System.Text.Json;
using Notifier.Hub;
using Notifier.Names;

namespace Notifier.Endpoints.Sessions;

/// <summary>A command of a client in <c>notifier.v1</c>. See docs/protocol.md.</summary>
internal sealed class ClientCommand
{
    private const int MaxIdCharacters = 128;

    /// <summary>Far more than any command has. The time that JsonDocument needs grows with the square of the depth.</summary>
    private const int MaxDepth = 64;

    private static readonly string[] Keys = ["type", "id", "channel", "pattern", "after", "last", "token"];

    private readonly Dictionary<string, JsonElement> properties = [];

    private ClientCommand(JsonElement command)
    {
        if (command.ValueKind != JsonValueKind.Object)
        {
            Problem = "a command must be a JSON object";
            return;
        }
        // Other properties are ignored: later versions may have more.
        foreach (var property in command.EnumerateObject())
        {
            if (Array.Find(Keys, property.NameEquals) is { } key && !properties.TryAdd(key, property.Value))
                Problem = $"duplicate property: {key}";
        }
        Id = ReadId();
        Type = Text("type") ?? "";
        if (Type.Length == 0)
            Problem ??= "missing property: type (subscribe, unsubscribe, auth or ping)";
        if (Type is "subscribe" or "unsubscribe")
            Name = ReadName();
        if (Type is "subscribe")
            Recovery = new(Text("after"), ReadLast());
        if (Type is "auth" && (Token = Text("token")) is null)
            Problem ??= "missing property: token";
        properties.Clear();     // their memory belongs to the document, which is disposed
    }

    /// <summary>What is wrong with the command, for people; null when it is valid.</summary>
    public string? Problem { get; private set; }

    /// <summary>The type of the command, which may be unknown.</summary>
    public string Type { get; } = "";

    /// <summary>Repeated in the answer, as the client wrote it.</summary>
    public JsonElement? Id { get; }

    /// <summary>The channel or pattern, if the type has one.</summary>
    public Name Name { get; }

    /// <summary>Which earlier messages the client wants.</summary>
    public RecoveryRequest Recovery { get; }

    /// <summary>The token, a secret, if the type has one.</summary>
    public string? Token { get; }

    /// <returns>Null when it is not JSON, or nested too deeply.</returns>
    public static ClientCommand? Parse(string text)
    {
        try
        {
            using var document = JsonDocument.Parse(text, new JsonDocumentOptions { MaxDepth = MaxDepth });
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
                Problem ??= "missing property: channel or pattern";
                break;
            default:
                Problem ??= "send channel or pattern, not both";
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
        Problem ??= "last must be a number of messages, 0 or more";
        return null;
    }

    private JsonElement? ReadId()
    {
        if (!properties.TryGetValue("id", out var id))
            return null;
        if (id.ValueKind is not (JsonValueKind.Number or JsonValueKind.String) || id.GetRawText().Length > MaxIdCharacters)
        {
            Problem ??= $"id must be a number or a string of at most {MaxIdCharacters} characters";
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
        Problem ??= $"{key} must be a string";
        return null;
    }
}
