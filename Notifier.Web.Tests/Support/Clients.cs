namespace Notifier.Tests.Support;

/// <summary>What tests do with many clients.</summary>
internal static class Clients
{
    /// <summary>Connects that many at once, each with these names in its address or by frames; subscribed when Redis says so.</summary>
    public static async Task<RawWebSocket[]> ConnectAsync(NotifierApp app, int count, string path = "/ws")
    {
        var clients = new List<RawWebSocket>(count);
        while (clients.Count < count)
            clients.AddRange(await Task.WhenAll(Enumerable.Range(0, Math.Min(200, count - clients.Count)).Select(_ => RawWebSocket.ConnectAsync(app.WebSocketAddress(path)))));
        return [.. clients];
    }

    /// <summary>
    /// All that the server has sent so far: it answers a ping after what it has sent before. To be called when what is to
    /// arrive has been passed on.
    /// </summary>
    public static async Task<List<string>> DrainAsync(this RawWebSocket client)
    {
        var texts = new List<string>();
        await client.SendAsync(Frame.PingOpcode, []);
        while (true)
        {
            var frame = await client.ReadFrameAsync() ?? throw new IOException("The server has ended the connection.");
            if (frame.Opcode == Frame.PongOpcode)
                return texts;
            if (frame.Opcode == Frame.CloseOpcode)
                throw new IOException($"The server has closed the connection: {frame.CloseCode} {frame.CloseText}");
            if (frame.Opcode is Frame.TextOpcode or Frame.BinaryOpcode)
                texts.Add(frame.Text);
        }
    }

    /// <summary>The next message that is another one than what the test tried with before.</summary>
    public static async Task<string> ReadPastAsync(this RawWebSocket client, string tried)
    {
        string text;
        do
            text = await client.ReadTextAsync();
        while (text == tried);
        return text;
    }

    /// <summary>Publishes until it has come: the name is live, whatever Redis says.</summary>
    public static Task IsLiveAsync(this RawWebSocket client, RedisServer redis, string channel, string payload = "") => Eventually.IsAsync(
        async () =>
        {
            await redis.PublishAsync(channel, payload);
            return (await client.DrainAsync()).Count > 0;
        },
        $"{channel} delivers");

    public static async Task DisposeAllAsync(this IEnumerable<RawWebSocket> clients)
    {
        foreach (var client in clients)
            await client.DisposeAsync();
    }
}
