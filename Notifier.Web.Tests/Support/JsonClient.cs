using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using FluentAssertions;

namespace Notifier.Tests.Support;

/// <summary>A client that speaks <c>notifier.v1</c>.</summary>
internal sealed class JsonClient(RawWebSocket socket) : IAsyncDisposable
{
    public RawWebSocket Socket => socket;

    /// <summary>What the server said first.</summary>
    public JsonObject Welcome { get; private set; } = [];

    /// <param name="app">The server.</param>
    /// <param name="path">And names in the address.</param>
    /// <param name="receiveBuffer">Bytes of the kernel's buffer.</param>
    /// <param name="headers">Further header lines, each with its line end.</param>
    /// <param name="more">What else is offered as a subprotocol, such as <c>, bearer.…</c></param>
    public static Task<JsonClient> ConnectAsync(NotifierApp app, string path = "/ws", int receiveBuffer = 0, string headers = "", string more = "") =>
        ConnectAsync(app.WebSocketAddress(path), receiveBuffer, headers, more);

    /// <param name="address">Of a node, or of a proxy in front of it.</param>
    /// <param name="receiveBuffer">Bytes of the kernel's buffer.</param>
    /// <param name="headers">Further header lines, each with its line end.</param>
    /// <param name="more">What else is offered as a subprotocol.</param>
    public static async Task<JsonClient> ConnectAsync(Uri address, int receiveBuffer = 0, string headers = "", string more = "")
    {
        var client = new JsonClient(await RawWebSocket.ConnectAsync(address, receiveBuffer, $"Sec-WebSocket-Protocol: notifier.v1{more}\r\n{headers}"));
        client.Welcome = await client.ReadAsync();
        return client;
    }

    public Task SendAsync(string command) => socket.SendTextAsync(command);

    /// <summary>Sends a command and reads the next thing that the server says.</summary>
    public async Task<JsonObject> AskAsync(string command)
    {
        await SendAsync(command);
        return await ReadAsync();
    }

    /// <summary>Says who it is, and is believed.</summary>
    public async Task AuthenticateAsync(string token)
    {
        var answer = await AskAsync(new JsonObject { ["type"] = "auth", ["token"] = token }.ToJsonString());
        if ((string?)answer["type"] != "authenticated")
            throw new InvalidOperationException(answer.ToJsonString());
    }

    /// <summary>Subscribes; Redis has confirmed it when this is over.</summary>
    public async Task<JsonObject> SubscribeAsync(string kind, string name)
    {
        var answer = await AskAsync(new JsonObject { ["type"] = "subscribe", [kind] = name }.ToJsonString());
        return (string?)answer["type"] == "subscribed" ? answer : throw new InvalidOperationException(answer.ToJsonString());
    }

    /// <summary>The next thing that the server says, pings excepted.</summary>
    public async Task<JsonObject> ReadAsync()
    {
        while (true)
        {
            var frame = await socket.ReadFrameAsync() ?? throw new IOException("The server has ended the connection.");
            if (frame.Opcode == Frame.CloseOpcode)
                throw new IOException($"The server has closed the connection: {frame.CloseCode} {frame.CloseText}");
            if (frame.Opcode != Frame.TextOpcode)
                continue;
            var said = JsonNode.Parse(frame.Text)!.AsObject();
            if ((string?)said["type"] != "ping")
                return said;
        }
    }

    /// <summary>Reads messages with these numbers, one after the other, and nothing between them.</summary>
    /// <returns>The last of them.</returns>
    public async Task<JsonObject> ReadNumbersAsync(int from, int to)
    {
        JsonObject said = [];
        for (var n = from; n < to; n++)
        {
            said = await ReadAsync();
            ((string?)said["data"]).Should().Be(n.ToString(CultureInfo.InvariantCulture), said.ToJsonString());
        }
        return said;
    }

    public ValueTask DisposeAsync() => socket.DisposeAsync();
}

internal static class Json
{
    /// <summary>A command that wants something of the messages before.</summary>
    public static string Subscribe(string kind, string name, string replay) => $$"""{"type":"subscribe","{{kind}}":"{{name}}",{{replay}}}""";

    /// <summary>Without the position, which no test can know: and is there.</summary>
    public static string Bare(this JsonObject said)
    {
        var bare = said.DeepClone().AsObject();
        bare.Remove("position");
        return bare.ToJsonString(new JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
    }
}
