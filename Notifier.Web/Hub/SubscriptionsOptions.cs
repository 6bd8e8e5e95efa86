namespace Notifier.Hub;

/// <summary><c>Subscriptions</c>: what connections get without asking.</summary>
public sealed class SubscriptionsOptions
{
    /// <summary>
    /// Names that every connection is subscribed to. A name with <c>*</c>, <c>?</c>, <c>[</c> or <c>\</c> in it is a
    /// pattern. Default none.
    /// </summary>
    public string[] Default { get; set; } = [];
}
