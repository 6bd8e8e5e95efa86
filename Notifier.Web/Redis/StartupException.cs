namespace Notifier.Redis;

/// <summary>The process cannot start as it is configured. The message is for the operator, and says which key to set.</summary>
internal sealed class StartupException(string message) : Exception(message);
