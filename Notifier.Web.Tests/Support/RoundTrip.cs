namespace Notifier.Tests.Support;

/// <summary>A message from Notifier through Redis and back to a browser: it needs the connection for commands and the one for subscriptions.</summary>
internal static class RoundTrip
{
    public static async Task ShouldDeliverAsync(this NotifierApp app)
    {
        await using var client = await RawWebSocket.ConnectAsync(app.WebSocketAddress("/ws?channel=round.trip"));
        var reading = client.ReadTextAsync();
        // Until the channel is subscribed in Redis, messages reach no subscriber.
        await Eventually.IsAsync(
            async () =>
            {
                await app.PostAsync("/publish/round.trip", "there and back");
                return reading.IsCompleted;
            },
            $"a message arrives; the log is {string.Join('\n', app.Log.Lines.Select(static line => line.Text))}");
        await reading;
    }
}
