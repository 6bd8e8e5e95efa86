using System.Globalization;
using System.Text.Json;
using System.Text.Json.Nodes;
using FluentAssertions;

namespace Notifier.Tests.Support;

/// <summary>A client that speaks <c>notifier.v1</c>.</summary>
internal sealed class JsonClient(RawWebSocket socket) : IAsyncDisposable
{
    public RawWebSocket Socket => socket;

    /// <summary>The first frame of the server.</summary>
    public JsonObject Welcome { get; private set; } = [];

    /// <param name="app">The server.</param>
    /// <param name="path">The path, which may contain names.</param>
    /// <param name="receiveBuffer">The size of the kernel's buffer in bytes.</param>
    /// <param name="headers">Further header lines, each with its line end.</param>
    /// <param name="more">Further subprotocols to offer, such as <c>, bearer.…</c></param>
    public static Task<JsonClient> ConnectAsync(NotifierApp app, string path = "/ws", int receiveBuffer = 0, string headers = "", string more = "") =>
        ConnectAsync(app.WebSocketAddress(path), receiveBuffer, headers, more);

    /// <param name="address">The address of a node or of a proxy in front of it.</param>
    /// <param name="receiveBuffer">The size of the kernel's buffer in bytes.</param>
    /// <param name="headers">Further header lines, each with its line end.</param>
    /// <param name="more">Further subprotocols to offer.</param>
    public static async Task<JsonClient> ConnectAsync(Uri address, int receiveBuffer = 0, string headers = "", string more = "")
    {
        var client = new JsonClient(await RawWebSocket.ConnectAsync(address, receiveBuffer, $"Sec-WebSocket-Protocol: notifier.v1{more}\r\n{headers}"));
        client.Welcome = await client.ReadAsync();
        return client;
    }

    public Task SendAsync(string command) => socket.SendTextAsync(command);

    /// <summary>Sends a command and reads the next frame of the server.</summary>
    public async Task<JsonObject> AskAsync(string command)
    {
        await SendAsync(command);
        return await ReadAsync();
    }

    /// <summary>Sends a token, and checks that the server accepts it.</summary>
    public async Task AuthenticateAsync(string token)
    {
        var answer = await AskAsync(new JsonObject { ["type"] = "auth", ["token"] = token }.ToJsonString());
        if ((string?)answer["type"] != "authenticated")
            throw new InvalidOperationException(answer.ToJsonString());
    }

    /// <summary>Subscribes, and returns after Redis has confirmed the subscription.</summary>
    public async Task<JsonObject> SubscribeAsync(string kind, string name)
    {
        var answer = await AskAsync(new JsonObject { ["type"] = "subscribe", [kind] = name }.ToJsonString());
        return (string?)answer["type"] == "subscribed" ? answer : throw new InvalidOperationException(answer.ToJsonString());
    }

    /// <summary>Reads the next frame of the server, except pings.</summary>
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

    /// <summary>Reads messages with consecutive numbers and no other frame between them.</summary>
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
    /// <summary>A subscribe command that requests earlier messages.</summary>
    public static string Subscribe(string kind, string name, string replay) => $$"""{"type":"subscribe","{{kind}}":"{{name}}",{{replay}}}""";

    /// <summary>Removes the position, which a test cannot predict, after a check that it is present.</summary>
    public static string Bare(this JsonObject said)
    {
        var bare = said.DeepClone().AsObject();
        bare.Remove("position");
        return bare.ToJsonString(new JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping });
    }
}
