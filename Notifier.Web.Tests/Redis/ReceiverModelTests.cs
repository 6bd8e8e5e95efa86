using FluentAssertions;
using Notifier.Messages;
using Notifier.Tests.Support;
using Xunit;

namespace Notifier.Tests.Redis;

/// <summary>Compares real subscriptions with a model.</summary>
public sealed class ReceiverModelTests : RedisReceiverTest
{
    [Fact]
    public async Task Every_connection_receives_all_messages_in_order_while_others_join_and_leave()
    {
        for (var seed = 300; seed < 302; seed++)
        {
            var model = new DeliveryModel(seed, names: 4, peers: 12);
            foreach (var subscription in model.Subscriptions)
                Attach(subscription, $"{subscription.Name.Text}.{seed}");
            var connection = Connect(capacity: 16);

            var writing = OwnThread.RunAsync(() => Write(model, connection, new Random(seed)));
            var churn = OwnThread.RunAsync(() => model.Churn(new Random(seed), () => writing.IsCompleted));
            var stalls = OwnThread.RunAsync(() => model.Stall(new Random(seed), () => writing.IsCompleted));
            await Task.WhenAll(writing, churn, stalls).WaitAsync(Eventually.Limit);
            (await connection.EndAsync()).Should().BeNull();

            await model.CheckAsync();
            connection.Errors.Should().BeEmpty();
            Log.Lines.Should().BeEmpty();
        }
    }

    private static void Write(DeliveryModel model, ScriptedConnection connection, Random random)
    {
        var stream = new List<byte>();
        foreach (var subscription in model.Subscriptions)
            stream.AddRange(Confirm($"{subscription.Name.Text}.{model.Seed}"));
        for (var count = 0; count < 3_000; count++)
        {
            var n = random.Next(model.Subscriptions.Length);
            var run = random.Next(4) == 0 ? random.Next(1, 20) : 1;
            for (; run > 0; run--)
            {
                var padding = random.Next(200) == 0 ? random.Next(2 * FrameBatch.LargePayload) : random.Next(100);
                stream.AddRange(Resp.Message($"{model.Subscriptions[n].Name.Text}.{model.Seed}", model.NextPayload(n, padding)));
            }
            if (random.Next(20) == 0)
                stream.AddRange(Pong);
            if (stream.Count < 10_000)
                continue;
            var most = random.Next(3) == 0 ? 200 : 30_000;
            connection.SendInChunks([.. stream], () => random.Next(1, most));
            stream.Clear();
        }
        connection.SendInChunks([.. stream], () => random.Next(1, 30_000));
    }
}
