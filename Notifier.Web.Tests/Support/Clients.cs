namespace Notifier.Tests.Support;

/// <summary>Helpers for many clients.</summary>
internal static class Clients
{
    /// <summary>Connects this many clients at once, each with the names in its address. Redis shows when they are subscribed.</summary>
    public static async Task<RawWebSocket[]> ConnectAsync(NotifierApp app, int count, string path = "/ws")
    {
        var clients = new List<RawWebSocket>(count);
        while (clients.Count < count)
            clients.AddRange(await Task.WhenAll(Enumerable.Range(0, Math.Min(200, count - clients.Count)).Select(_ => RawWebSocket.ConnectAsync(app.WebSocketAddress(path)))));
        return [.. clients];
    }

    /// <summary>
    /// Reads everything that the server has sent so far: the answer to a ping follows all earlier frames. Call this only after the expected
    /// messages have been delivered.
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

    /// <summary>Reads the next message that differs from the one with which the test probed before.</summary>
    public static async Task<string> ReadPastAsync(this RawWebSocket client, string tried)
    {
        string text;
        do
            text = await client.ReadTextAsync();
        while (text == tried);
        return text;
    }

    /// <summary>Publishes until the client receives the message, which proves that the name is live.</summary>
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
